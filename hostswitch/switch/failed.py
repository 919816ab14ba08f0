"""A switch that did not end well: put back, or left stopped and alarmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def _unrecorded(error: Exception) -> str:
    return (
        f"that can't be recorded ({error}), so the switch is not ended. When the disk takes it: "
        f"baileys-hostswitch resume"
    )


def _close(switch: Switch, outcome: str, why: str, down: Mapping[str, Any] | None = None) -> str:
    """Close a switch that failed; what its error has to add where that can't be recorded."""
    try:
        close.close(switch, outcome, why=why, down=down)
    except (HostError, OSError) as error:
        return f"; {_unrecorded(error)}"
    return ""


def after_active(switch: Switch, why: str) -> HostError:
    """The database is the truth now: back to files only if nothing in it has moved.

    Returns:
        The error that tells how it ended, for the caller to raise.
    """
    try:
        return undo(switch, why, after_active=True)
    except Exception as error:
        _stay_down(switch.host)
        if _withdrawn(switch):
            message = (
                f"{why}; the import was withdrawn, so the files are the truth again, but putting "
                f"them back failed: {error}. Mend that, then: baileys-hostswitch resume"
            )
            alarm(switch.host, message)
            return LeftStoppedError(message)
        message = (
            f"{why}. The service is left stopped: the keys may have moved in the database, so a "
            f"version that reads files must not start ({error}). Mend the new version or the "
            f"database, then: rollout apply {switch.host.plan.environment}"
        )
        alarm(switch.host, message)
        message += _close(switch, LeftStoppedError.outcome, why)
        return LeftStoppedError(message)


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


def said(error: Exception) -> str:
    """An error's sentence; one that was not foreseen with its kind."""
    if isinstance(error, HostError | StoreError | OSError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def undo(switch: Switch, why: str, *, after_active: bool) -> HostError:
    """Put the switch back and close it.

    Returns:
        The error that tells how it ended, for the caller to raise.

    Raises:
        LeftStoppedError: the old version must not start, or an activated import can't be withdrawn.
    """
    progress(f"put back: {why}")
    try:
        undone = put_back.put_back(switch, why, after_active=after_active)
    except TornFilesError as error:
        alarm(switch.host, str(error))
        raise
    except Exception as error:
        if after_active:
            raise
        runs = fetch(switch.host.plan.gate.status_url) is not None
        message = (
            f"{why}; and putting back failed: {error}. {'A version still answers. ' if runs else ''}"
            f"Mend that, then: baileys-hostswitch resume"
        )
        alarm(switch.host, message)
        return LeftStoppedError(message)
    return end_of_undo(switch, undone, why)


def end_of_undo(switch: Switch, undone: put_back.Undone, why: str) -> HostError:
    """Close a switch that was put back, unless the database still has to be tidied."""
    why = why.rstrip(".")
    if undone.strays:
        why += f"; strays were kept aside: {', '.join(undone.strays)}"
    down = _down(switch, undone.verdict)
    seconds = down.get("seconds_without_service")
    again = "The old version runs again" + (f", after {seconds:.0f} s" if seconds else "")
    if undone.verdict is not None and not undone.verdict.healthy:
        message = f"{why}; the old version was started, but: {'; '.join(undone.verdict.problems)}"
        alarm(switch.host, message)
        if undone.pending is None:
            message += _close(switch, NotHealthyError.outcome, why)
        return NotHealthyError(message)
    if undone.pending is not None:
        return PutBackError(
            f"{why}. {again}, but staged rows could not be withdrawn "
            f"({undone.pending}); they stay without effect. When the database answers: "
            f"baileys-hostswitch resume"
        )
    switch.journal.tell(journal.UNDONE, "done")
    message = f"{why}. {again}; nothing was lost"
    if not switch.facts.ran:
        message = f"{why}. All is as before the switch; the service did not run then"
    unrecorded = _close(switch, PutBackError.outcome, why, down)
    if unrecorded:
        message += unrecorded
        alarm(switch.host, message)
    return PutBackError(message) if switch.facts.ran else LeftStoppedError(message)


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
