"""The daily check: scheduled, its settings private, and how the last one ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .declared import DAILY_SETTINGS, DAILY_UNIT, Declared
from .legacy import recorded
from .reporting import found, not_checked
from .target import Target
from .units import unit
from .wording import octal

pytestmark = pytest.mark.on("service")

TIMER = f"{DAILY_UNIT}.timer"
SERVICE = f"{DAILY_UNIT}.service"
# A timer runs once a day, within an hour; a host that was off for longer has run it at its boot.
OVERDUE = timedelta(days=2)
# On record in the history (1, 7), or made again in ten minutes, when a rollout lets go of the lock (6).
TOLD = ("1", "6", "7")
AGAIN = f"Again, now: systemctl start {SERVICE}"


def test_daily_check_is_scheduled_as_declared(host: Any, declared: Declared) -> None:
    """Without it nobody sees a session file that came back, a damaged archive, odd growth."""
    state = unit(host, TIMER)
    runs = (state["UnitFileState"], state["ActiveState"]) == ("enabled", "active")
    if declared.text("daily_check") == "enabled":
        assert runs, f"{TIMER} is {state['UnitFileState'] or 'missing'}, {state['ActiveState']}"
    else:
        assert not runs, f"{TIMER} runs, and daily_check is {declared.text('daily_check')}"


def test_daily_checks_settings_are_roots_alone(host: Any, declared: Declared) -> None:
    """The database's password stands in them; a timer that is not wanted needs none."""
    file = host.file(str(DAILY_SETTINGS))
    if declared.text("daily_check") != "enabled":
        assert not file.exists, f"{DAILY_SETTINGS} is still there"
        return
    assert file.exists, f"{DAILY_SETTINGS} is missing"
    assert (file.user, file.mode) == ("root", 0o600), f"{file.user}'s, mode {octal(file.mode)}"


def test_last_daily_check_found_nothing_wrong(target: Target, declared: Declared) -> None:
    """What it found, it found at night: whoever looks in the morning must see it."""
    if declared.text("daily_check") != "enabled":
        not_checked("daily_check is disabled for this host")
    state = unit(target.host, SERVICE, "Result", "ExecMainStatus")
    checks = [line for line in recorded(target) if line.get("event") == "daily-check"]
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
