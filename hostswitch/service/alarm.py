"""The operator's alarm command."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from hostswitch.base import child
from hostswitch.base.output import progress, told
from hostswitch.host import Host

_ALARM_SECONDS = 60
_RUNG = "rung"


def alarm(host: Host, message: str) -> None:
    """Run the alarm command and put it on record; never raises: that must not hide what it is about."""
    said = told(message)
    progress(f"ALARM: {said}")
    outcome = _ring(host.plan.alarm_command, said)
    if outcome != _RUNG:
        progress(outcome)
    with suppress(Exception):
        host.history.add("alarm", outcome=outcome, rollout_id=host.plan.rollout_id, why=said)


def _ring(command: Sequence[str] | None, message: str) -> str:
    if not command:
        return "nobody was told: alarm_command is not set"
    try:
        given = message.encode("utf-8", "backslashreplace")
        done = child.run(command, seconds=_ALARM_SECONDS, given=given)
        problem = f"exit code {done.code}" if done.code else None
    except Exception as error:
        problem = str(error) or type(error).__name__
    return f"the alarm command failed ({problem}): {command[0]}" if problem else _RUNG
