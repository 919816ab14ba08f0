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
from hostswitch.service.alarm import alarm
from hostswitch.service.status import fetch
from hostswitch.service.watch import Verdict
from hostswitch.switch import close, put_back
from hostswitch.switch.opened import Switch
from hostswitch.switch.report import without_service
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
    alarm(switch.host, message)
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


def undo(switch: Switch, why: str) -> NoReturn:
    """Put back a switch whose import was not active.

    Raises PutBackError (the old version runs again) or LeftStoppedError (it does not, or is not
    healthy).
    """
    progress(f"put back: {why}")
    try:
        undone = put_back.put_back(switch, why, after_active=False)
    except TornFilesError as error:
        left(switch, TornFilesError, str(error))
    except Exception as error:
        runs = fetch(switch.host.plan.gate.status_url) is not None
        message = (
            f"{why}; and putting back failed: {error}. {'A version still answers. ' if runs else ''}"
            f"Mend that, then: baileys-hostswitch resume"
        )
        left(switch, LeftStoppedError, message)
    _end(switch, undone, why)


def undo_after_active(switch: Switch, why: str) -> NoReturn:
    """The database is the truth now: back to files only if nothing in it has moved.

    Raises PutBackError (the old version runs again) or LeftStoppedError (it does not, or is not
    healthy).
    """
    progress(f"put back: {why}")
    try:
        undone = put_back.put_back(switch, why, after_active=True)
    except Exception as error:
        _stay_down(switch.host)
        if _withdrawn(switch):
            message = (
                f"{why}; the import was withdrawn, so the files are the truth again, but putting "
                f"them back failed: {error}. Mend that, then: baileys-hostswitch resume"
            )
            left(switch, LeftStoppedError, message)
        message = (
            f"{why}. The service is left stopped: the keys may have moved in the database, so a "
            f"version that reads files must not start ({error}). Mend the new version or the "
            f"database, then: rollout apply {switch.host.plan.environment}"
        )
        left(switch, LeftStoppedError, message, closed_as=LeftStoppedError.outcome, why=why)
    _end(switch, undone, why)


def _stay_down(host: Host) -> None:
    """Nothing of the plan runs, nor comes up with PM2."""
    try:
        take_down(host)
        host.pm2.save(host.plan.pm2_apps)
    except Exception as error:
        progress(f"it may come up again: {said(error)}")


def _withdrawn(switch: Switch) -> bool:
    """Whether a put back has taken the imported rows out of the database."""
    rows_back = switch.journal.last(journal.UNDONE, "rows")
    return rows_back is not None and rows_back.data.get("pending") is None


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
    ran = switch.facts.ran
    message = f"{why}. {again}; nothing was lost"
    if not ran:
        message = f"{why}. All is as before the switch; the service did not run then"
    if not_recorded := _closed(switch, PutBackError.outcome, why, down):
        message += not_recorded
        alarm(switch.host, message)
    raise PutBackError(message) if ran else LeftStoppedError(message)


def _closed(switch: Switch, outcome: str, why: str, down: Mapping[str, Any] | None = None) -> str:
    """Close a switch that failed; what its error has to add where that can't be recorded."""
    try:
        close.close(switch, outcome, why=why, down=down)
    except (HostError, OSError) as error:
        return f"; {unrecorded(error)}"
    return ""


def _down(switch: Switch, verdict: Verdict | None) -> dict[str, Any]:
    """How long there was no service, until the old version answered."""
    if verdict is None:
        return {}
    start = switch.journal.last(journal.UNDONE, "start")
    return without_service(
        switch.facts,
        switch.journal.entries,
        start,
        verdict.answered,
        gated_again=verdict.gated_again,
    )
