"""The daily check: scheduled, its settings private, and how the last one ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

from .support.declared import DAILY_ALARM, DAILY_SETTINGS, DAILY_UNIT, Declared
from .support.target import Target
from .support.wording import found, not_checked, octal

TIMER = f"{DAILY_UNIT}.timer"
SERVICE = f"{DAILY_UNIT}.service"
ALARM = f"{DAILY_UNIT}-alarm.service"
# A timer runs once a day, within an hour; a host that was off for longer has run it at its boot.
OVERDUE = timedelta(days=2)
# What these found is on record in the history.
TOLD = ("7", "8")
AGAIN = f"Again, now: systemctl start {SERVICE}"


def test_daily_check_is_scheduled_as_declared(host: Any, declared: Declared) -> None:
    """Without it nobody sees a session file that came back, a damaged archive, odd growth."""
    state, check = host.unit(TIMER), host.unit(SERVICE, "OnFailure")
    runs = (state["UnitFileState"], state["ActiveState"]) == ("enabled", "active")
    if declared.text("daily_check") == "enabled":
        assert runs, f"{TIMER} is {state['UnitFileState'] or 'missing'}, {state['ActiveState']}"
        alarm = ALARM if declared.texts("alarm_command") else ""
        assert check["OnFailure"] == alarm, (
            f"{SERVICE}, killed, would start {check['OnFailure'] or 'no alarm'}"
        )
    else:
        assert not runs, f"{TIMER} runs, and daily_check is {declared.text('daily_check')}"


def test_daily_checks_settings_are_roots_alone(host: Any, declared: Declared) -> None:
    """The database's password stands in them; a timer that is not wanted needs none."""
    enabled = declared.text("daily_check") == "enabled"
    for path, mode, wanted in (
        (str(DAILY_SETTINGS), 0o600, enabled),
        (str(DAILY_ALARM), 0o700, enabled and bool(declared.texts("alarm_command"))),
    ):
        file = host.file(path)
        assert file.exists == wanted, f"{path} is {'missing' if wanted else 'still there'}"
        if wanted:
            found_mode = f"{path} is {file.user}'s, mode {octal(file.mode)}"
            assert (file.user, file.mode) == ("root", mode), found_mode


def test_last_daily_check_found_nothing_wrong(target: Target, declared: Declared) -> None:
    """What it found, it found at night: whoever looks in the morning must see it."""
    if declared.text("daily_check") != "enabled":
        not_checked("daily_check is disabled for this host")
    state = target.host.unit(SERVICE, "Result", "ExecMainStatus")
    checks = [line for line in target.history if line["event"] == "daily-check"]
    if state["Result"] != "success" and state["ExecMainStatus"] not in TOLD:
        found(f"{SERVICE} did not come to its end ({state['Result']}): journalctl -u {SERVICE}")
    if not checks:
        not_checked(f"it has not run yet. {AGAIN.replace('Again, now', 'At once')}")
    last = checks[-1]
    if last.get("outcome") != "passed":
        problems = "; ".join(map(str, last.get("problems", [])))
        found(f"the daily check of {last['at']} failed: {problems}. {AGAIN}")
    age = datetime.now(UTC) - datetime.fromisoformat(str(last["at"])).astimezone(UTC)
    if age > OVERDUE:
        found(f"the last daily check was made {age.days} days ago: systemctl status {TIMER}")
