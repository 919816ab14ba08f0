"""The service's running process: what it really sees, which may differ from every file."""

from collections.abc import Iterator
from typing import Any

from .support import absence, service_signals
from .support.declared import Declared
from .support.target import Target
from .support.wording import joined, listed, problems

SECRET_NAMES = ("POSTGRES_PASSWORD",)


def process(target: Target) -> dict[str, Any]:
    """The running service as the kernel sees it."""
    names = (*target.declared.flags, *SECRET_NAMES)
    found = target.probe("processes.one", str(target.pid), *names)
    assert "cwd" in found, f"process {target.pid} is uid {found['uid']}'s, not {target.user}'s"
    return dict(found)


def test_exported_values_do_not_shadow_the_file(target: Target, declared: Declared) -> None:
    """dotenv does not override what PM2 exported: the old flag would survive every restart."""
    wrong = declared.flags_unlike(process(target)["environment"])
    assert not wrong, f"exported: {listed(wrong)}"


def test_process_does_not_carry_the_password(target: Target) -> None:
    """An exported password stands in PM2's dump, and outlives its change in the .env."""
    carried = [name for name in SECRET_NAMES if name in process(target)["environment"]]
    assert not carried, f"exported to the process: {joined(carried)}"


def test_service_sees_the_declared_flags(target: Target, declared: Declared) -> None:
    """The service runs on other flags than declared: whoever toggles one believes it is on."""
    seen = target.status.get("flags")
    assert isinstance(seen, dict), "the status endpoint does not show its flags"
    wrong = declared.flags_unlike(seen)
    assert not wrong, listed(wrong)


def test_process_runs_in_the_current_release(target: Target) -> None:
    """Another release than `current` runs: the next restart changes the version by surprise."""
    directory = process(target)["cwd"]
    assert directory == target.release, f"it runs in {directory}, `current` is {target.release}"


def test_process_was_started_from_the_status_pid(target: Target) -> None:
    """Another process than PM2's answers on the status port: health is read from the wrong one."""
    assert target.status.get("pid") == target.pid, (
        f"process {target.status.get('pid')} answers, PM2 runs {target.pid}"
    )


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
    names = set(declared.pm2_apps)
    known = {app["pid"] for app in target.pm2["apps"] if app["name"] in names}
    held = target.probe("processes.held", str(declared.app_dir), as_root=True)
    strangers = {
        f"process {one['pid']} ({one['program']})"
        for one in held
        if one["kind"] == "cwd" and one["program"].endswith("/node") and one["pid"] not in known
    }
    assert not strangers, f"Node.js also runs there as {joined(sorted(strangers))}"


def test_status_is_on_loopback_only(host: Any, declared: Declared) -> None:
    """The status endpoint shows companies and counts to the whole network."""
    port = declared.number("service_port")
    addresses = host.listening_on(port)
    assert addresses, f"nothing listens on port {port}"
    others = [one for one in addresses if not one.startswith("127.") and one != "::1"]
    assert not others, f"it listens on {joined(others)}"


@problems
def test_each_company_is_on_postgresql(target: Target, declared: Declared) -> Iterator[str]:
    """A company on another provider, or without credentials, is cut off from WhatsApp."""
    shown = service_signals.companies(target.status)
    unpaired = absence.unpaired(target)
    for company_id in declared.companies:
        company = shown.get(company_id)
        if company is None:
            yield f"{company_id} is not open"
        elif declared.on_postgresql and company.provider != service_signals.PROVIDER:
            yield f"{company_id} uses the provider {company.provider}"
        elif not company.credentials and company_id not in unpaired:
            yield f"{company_id} has no credentials"
    for name in shown:
        if name not in declared.companies:
            yield f"{name} is open and not declared"
