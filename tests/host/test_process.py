"""The service's running process: what it really sees, which may differ from every file."""

from collections.abc import Iterator
from typing import Any

from hostswitch.decide.gate import Company
from hostswitch.description.claims import companies_in, value_at
from sessionstore.judgement.activity import DATABASE

from .support import absence, service_signals
from .support.declared import Declared
from .support.target import Target
from .support.wording import joined, listed, not_checked, problems


def process(target: Target) -> dict[str, Any]:
    """The running service as the kernel sees it."""
    names = (*target.declared.flags, *target.declared.password_names)
    found = target.probe("processes.one", str(target.pid), *names)
    assert "cwd" in found, f"process {target.pid} is uid {found['uid']}'s, not {target.user}'s"
    return dict(found)


def test_exported_values_do_not_shadow_the_file(target: Target, declared: Declared) -> None:
    """dotenv does not override what PM2 exported: the old flag would survive every restart."""
    wrong = declared.flags_unlike(process(target)["environment"])
    assert not wrong, f"exported: {listed(wrong)}"


def test_process_does_not_carry_the_password(target: Target) -> None:
    """An exported password stands in PM2's dump, and outlives its change in the .env."""
    carried = [
        name for name in target.declared.password_names if name in process(target)["environment"]
    ]
    assert not carried, f"exported to the process: {joined(carried)}"


def test_service_sees_the_declared_flags(target: Target, declared: Declared) -> None:
    """The service runs on other flags than declared: whoever toggles one believes it is on."""
    http = declared.described.signals.http
    if http is None or http.flags is None:
        not_checked("this kind of service does not say which flags it sees")
    seen = value_at(target.status, http.flags)
    assert isinstance(seen, dict), "the status endpoint does not show its flags"
    wrong = declared.flags_unlike(seen)
    assert not wrong, listed(wrong)


def test_process_runs_in_the_current_release(target: Target) -> None:
    """Another release than `current` runs: the next restart changes the version by surprise."""
    directory = process(target)["cwd"]
    assert directory == target.release, f"it runs in {directory}, `current` is {target.release}"


def test_process_was_started_from_the_status_pid(target: Target) -> None:
    """Another process than PM2's answers on the status port: health is read from the wrong one."""
    http = target.declared.described.signals.http
    if http is None or http.pid is None:
        not_checked("this kind of service does not say which process answers")
    answering = value_at(target.status, http.pid)
    assert answering == target.pid, f"process {answering} answers, PM2 runs {target.pid}"


def test_process_runs_as_the_service_user(target: Target, declared: Declared) -> None:
    """Running as another user, it writes files that the next start can't read."""
    expected = int(target.host.check_output("id -u %s", declared.service_user))
    assert process(target)["uid"] == expected, f"it runs as uid {process(target)['uid']}"


def test_program_on_disk_is_the_one_that_runs(target: Target) -> None:
    """Node.js was replaced under the service: its next restart is on an untried version."""
    executable = process(target)["executable"]
    assert not executable.endswith(" (deleted)"), f"{executable}: restart the service"


def test_one_process_uses_the_accounts(target: Target, declared: Declared) -> None:
    """Two sockets on one account throw each other out without end (440 connectionReplaced)."""
    known = {app["pid"]: app["name"] for app in target.pm2["apps"]}
    held = target.probe("processes.held", str(declared.app_dir), as_root=True)
    there = [one for one in held if one["kind"] == "cwd" and one["program"].endswith("/node")]
    strangers = {
        f"process {one['pid']} ({one['program']})" for one in there if one["pid"] not in known
    }
    assert not strangers, f"Node.js also runs there as {joined(sorted(strangers))}"
    names = {known[one["pid"]] for one in there}.difference(declared.pm2_apps)
    if names:
        before = "what they load is looked at before each switch"
        not_checked(f"PM2 also runs {joined(sorted(names))} there, not declared; {before}")


def test_status_is_on_loopback_only(host: Any, declared: Declared) -> None:
    """The status endpoint shows companies and counts to the whole network."""
    http = declared.described.signals.http
    if http is None or http.everywhere:
        not_checked("this kind of service is not said to listen on loopback alone")
    port = declared.number("service_port")
    addresses = host.listening_on(port)
    assert addresses, f"nothing listens on port {port}"
    others = [one for one in addresses if not one.startswith("127.") and one != "::1"]
    assert not others, f"it listens on {joined(others)}"


@problems
def test_each_company_is_on_postgresql(target: Target, declared: Declared) -> Iterator[str]:
    """A company on another provider, or without credentials, is cut off from WhatsApp."""
    unpaired = absence.unpaired(target)
    provider = DATABASE if declared.on_postgresql else None
    for company_id in declared.companies:
        company = Company(provider, company_id not in unpaired, 0)
        yield from service_signals.problems(target, company_id, company, connected=False)
    http = declared.described.signals.http
    for name in companies_in(http, target.status) if http else ():
        if name not in declared.companies:
            yield f"{name} is open and not declared"
