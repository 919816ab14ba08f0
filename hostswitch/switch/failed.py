"""A switch that did not end well: put back, or left stopped and alarmed. What ends it here, raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from hostswitch.base.errors import (
    HostError,
    LeftStoppedError,
    NotHealthyError,
    PutBackError,
    TornFilesError,
)
from hostswitch.base.output import progress
from hostswitch.host import Host
from hostswitch.record import journal
from hostswitch.service.status import fetch
from hostswitch.service.watch import Verdict
from hostswitch.switch import close, put_back
from hostswitch.switch.opened import Switch
from hostswitch.switch.stop import take_down
from sessionstore.errors import StoreError


def left(
    switch: Switch,
    kind: type[HostError],
    message: str,
    *,
    closed_as: str | None = None,
    why: str = "",
) -> NoReturn:
    """Alarm, and raise an error of this kind; close the switch first where it has ended.

    The error adds where that can't be recorded; a switch that is not closed is left to `resume`.
    """
    switch.host.alarm(message)
    raise kind(message + (_closed(switch, closed_as, why) if closed_as else "")) from None


def unrecorded(error: Exception) -> str:
    """What to add to a sentence where its end can't be written down."""
    return (
        f"that can't be recorded ({error}), so the switch is not ended. When the disk takes it: "
        f"baileys-hostswitch resume"
    )


def said(error: Exception) -> str:
    """An error's sentence; one that was not foreseen with its kind."""
    if isinstance(error, HostError | StoreError | OSError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def undo(switch: Switch, why: str, *, after_active: bool = False) -> NoReturn:
    """Put a switch back; once its import was active, only if nothing in the database has moved since."""
    progress(f"put back: {why}")
    try:
        undone = put_back.put_back(switch, why, after_active=after_active)
    except Exception as error:
        if after_active:
            _not_undone_after_active(switch, why, error)
        if isinstance(error, TornFilesError):
            left(switch, TornFilesError, str(error))
        answers = fetch(switch.host.plan.gate.status_url) is not None
        runs = "A version still answers. " if answers else ""
        _left_to_resume(switch, f"{why}; and putting back failed: {error}. {runs}")
    _end(switch, undone, why)


def _left_to_resume(switch: Switch, message: str) -> NoReturn:
    left(switch, LeftStoppedError, f"{message}Mend that, then: baileys-hostswitch resume")


def _not_undone_after_active(switch: Switch, why: str, error: Exception) -> NoReturn:
    """The database is the truth, unless the put back came as far as to withdraw the import."""
    _stay_down(switch.host)
    rows_back = switch.journal.last(journal.UNDONE, "rows")
    if rows_back is not None and rows_back.data.get("pending") is None:
        withdrawn = "the import was withdrawn, so the files are the truth again"
        _left_to_resume(switch, f"{why}; {withdrawn}, but putting them back failed: {error}. ")
    message = (
        f"{why}. The service is left stopped: the keys may have moved in the database, so a "
        f"version that reads files must not start ({error}). Mend the new version or the "
        f"database, then: rollout apply {switch.host.plan.environment}"
    )
    left(switch, LeftStoppedError, message, closed_as=LeftStoppedError.outcome, why=why)


def _stay_down(host: Host) -> None:
    """Nothing of the plan runs, nor comes up with PM2."""
    try:
        take_down(host)
        host.pm2.save(host.plan.pm2_apps)
    except Exception as error:
        progress(f"it may come up again: {said(error)}")


def _end(switch: Switch, undone: put_back.Undone, why: str) -> NoReturn:
    """Close a switch that was put back, unless the database still has to be tidied."""
    why = why.rstrip(".")
    if undone.strays:
        why += f"; strays were kept aside: {', '.join(undone.strays)}"
    down = _down(switch, undone.verdict)
    seconds = down.get("seconds_without_service")
    again = "The old version runs again" + (f", after {seconds:.0f} s" if seconds else "")
    if undone.verdict is not None and not undone.verdict.healthy:
        message = f"{why}; the old version was started, but: {'; '.join(undone.verdict.problems)}"
        ended = NotHealthyError.outcome if undone.pending is None else None
        left(switch, NotHealthyError, message, closed_as=ended, why=why)
    if undone.pending is not None:
        raise PutBackError(
            f"{why}. {again}, but staged rows could not be withdrawn "
            f"({undone.pending}); they stay without effect. When the database answers: "
            f"baileys-hostswitch resume"
        )
    switch.journal.tell(journal.UNDONE, "done")
    ran = switch.facts.running
    message = f"{why}. {again}; nothing was lost"
    if not ran:
        message = f"{why}. All is as before the switch; the service did not run then"
    if not_recorded := _closed(switch, PutBackError.outcome, why, down):
        message += not_recorded
        switch.host.alarm(message)
    raise PutBackError(message) if ran else LeftStoppedError(message)


def _closed(switch: Switch, outcome: str, why: str, down: Mapping[str, Any] | None = None) -> str:
    """What the error has to add where a switch that failed can't be closed."""
    try:
        close.close(switch, outcome, why=why, down=down)
    except (HostError, OSError) as error:
        return f"; {unrecorded(error)}"
    return ""


def _down(switch: Switch, verdict: Verdict | None) -> dict[str, Any]:
    """How long there was no service, until the old version answered."""
    if verdict is None:
        return {}
    start, again = switch.journal.last(journal.UNDONE, "start"), verdict.gated_again
    lines, answered = switch.journal.entries, verdict.answered
    return close.without_service(switch.facts, lines, start, answered, gated_again=again)
