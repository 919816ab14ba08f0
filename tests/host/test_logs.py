"""What the service says in its log since its last start."""

from collections.abc import Iterator
from typing import Any

from hostswitch.decide.gate import Company
from hostswitch.description.claims import CONNECTED, missing_lines

from .support import absence, service_signals
from .support.declared import Declared
from .support.target import Target
from .support.wording import joined, listed, not_checked, problems

NEWEST_BYTES = 2 * 2**20


def log_files(target: Target) -> list[str]:
    """The service's logs as PM2 writes them: output and errors, once each."""
    return sorted({str(target.app["pm_out_log_path"]), str(target.app["pm_err_log_path"])})


def newest(target: Target) -> str:
    """The newest part of the service's output, earlier files of the rotation first."""
    path = str(target.app["pm_out_log_path"])
    # copytruncate keeps yesterday's lines in PATH.1, and the last start may stand there.
    ends = target.ends([f"{path}.1", path], NEWEST_BYTES)
    return "".join(ends.values())[-NEWEST_BYTES:]


def last_start(target: Target) -> str:
    """The lines since the service's last start; not checked where they were rotated away."""
    log = target.declared.described.signals.log
    if log is None or log.start is None:
        not_checked("nothing says how this kind of service begins a start in its log")
    found = service_signals.since_last_start(newest(target), log.start)
    if not found:
        not_checked(f"the logs do not go back to the last start: {joined(log_files(target))}")
    return found


def test_start_up_lines_are_there(target: Target, declared: Declared) -> None:
    """The service came up half: without database, pool, or the credentials of a customer."""
    if not declared.on_postgresql:
        not_checked("the declared provider is not PostgreSQL")
    log = last_start(target)
    unpaired = absence.unpaired(target)
    described = declared.described.signals.log
    assert described is not None
    missing = {
        f"{meaning} ({company})"
        for company in declared.companies
        if company not in unpaired
        for meaning in missing_lines(described, log, company)
    }
    said = "; ".join(sorted(missing))
    assert not missing, f"since the last start the log does not say that {said}"


@problems
def test_whatsapp_is_connected(target: Target, declared: Declared) -> Iterator[str]:
    """Customers write, and nobody answers."""
    if declared.text("gate_connected") == "not checked":
        not_checked(f"WhatsApp can't be reached from {declared.environment.name}")
    expected = absence.paired(target, declared.companies)
    if not service_signals.tells(target, CONNECTED):
        not_checked("this kind of service does not answer whether it is connected")
    for name in expected:
        paired = Company(None, True, 0)
        yield from service_signals.problems(target, name, paired, connected=True)


def test_no_ratchet_went_back(target: Target) -> None:
    """“Bad MAC”, “No session record”: messages are lost because keys are old or missing."""
    log = last_start(target)
    now = service_signals.ratchet_errors(log)
    before = service_signals.ratchet_errors(newest(target)) - now
    if now and before:
        not_checked(f"there were such errors before the last start ({before}) and after ({now})")
    assert not now, f"{now} such errors since the last start, none before it"


def test_logs_are_rotated(host: Any, target: Target) -> None:
    """The log fills the disk, and the service stops in the middle of a write."""
    # The debug mode reads the configuration and changes nothing; it writes to standard error.
    plan = host.run("logrotate --debug /etc/logrotate.conf")
    missing = [path for path in log_files(target) if path not in plan.stdout + plan.stderr]
    assert not missing, f"logrotate does not know {joined(missing)}"


def test_logs_hold_no_password(target: Target, declared: Declared) -> None:
    """Logs are copied to places where the .env would never go."""
    password = declared.secret("database_app_password")
    paths = log_files(target)
    seen = target.probe_anew("files.holding", *paths, stdin=password.encode())
    assert not seen["found"], f"the database's password stands in {joined(seen['found'])}"
    if seen["unread"]:
        not_checked(listed(seen["unread"]))
