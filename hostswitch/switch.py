"""The switch: from what runs to what was staged, or back (docs/switch.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hostswitch import closing, journal, pairing, putback, ready, rows, starting, steps, watch
from hostswitch.decisions import decide
from hostswitch.disk import replace_file
from hostswitch.drill import Drill
from hostswitch.errors import (
    HostError,
    LeftStoppedError,
    NotHealthyError,
    PutBackError,
    RefusedError,
    TornFilesError,
)
from hostswitch.facts import Facts
from hostswitch.host import Host
from hostswitch.journal import Journal
from hostswitch.observe import look
from hostswitch.output import progress
from hostswitch.patience import Patience
from hostswitch.steps import Switch
from hostswitch.watch import Verdict
from sessionstore.errors import DatabaseUnreachable, StoreError

Result = dict[str, Any]


def run(host: Host, plan_text: str) -> Result:
    """Switch this host to what was staged. The caller holds the lock; no journal is open.

    Args:
        host: the host, with the plan.
        plan_text: the plan as it came, kept while the journal is open.

    Returns:
        The result's fields.

    Raises:
        RefusedError: before the service was touched.
        PutBackError: the old version runs again.
        LeftStoppedError: nothing runs, or nothing healthy.
    """
    host.pm2.ensure_daemon()
    host.pm2.prime(host.plan.ecosystem, host.plan.pm2_apps)
    observed = look(host, staged=True)
    if observed.paired:
        host.history.add(pairing.PAIRED, companies=sorted(observed.paired))
    decision = decide(host.plan, observed.seen)
    if not decision.changes and not decision.refusals and observed.database_error is None:
        return {"outcome": "nothing to do", "rollout_id": host.plan.rollout_id}
    found = ready.refusals(host, observed, decision, is_staged=True)
    if found:
        raise RefusedError(found)
    switch = _open(host, plan_text, ready.facts(host, observed, decision))
    try:
        ready.prepare(switch, decision)
    except HostError:
        closing.finish(host, switch.facts, switch.journal)
        raise
    return forward(switch)


def _open(host: Host, plan_text: str, facts: Facts) -> Switch:
    host.history.reserve()
    owner = (os.geteuid(), os.getegid())
    replace_file(host.places.plan, json.dumps(json.loads(plan_text)).encode(), 0o600, owner)
    try:
        log = Journal(host.places.journal, Drill(host.places.drill))
        log.mark(journal.OPEN, "done", **facts.as_json())
    except HostError:
        closing.sweep(host.places)
        raise
    return Switch(host, facts, log)


def forward(switch: Switch) -> Result:
    """From the stop on. What nobody thought of is put back too: the service must not stay down."""
    try:
        _before_active(switch)
    except TornFilesError as error:
        closing.alarm(switch.host, str(error))
        raise
    except Exception as error:
        if switch.journal.last(journal.STOPPED, "intent") is None:
            closing.finish(switch.host, switch.facts, switch.journal)
            raise ready.as_refused(error) from None
        raise undo(switch, said(error), after_active=False) from None
    if switch.facts.imports:
        _activate(switch)
    return go_live(switch, starting.start_stopped)


def _before_active(switch: Switch) -> None:
    facts = switch.facts
    progress("stop the service")
    steps.stop(switch)
    progress("set legacy directories aside")
    steps.set_aside(switch)
    if facts.cut_over:
        progress("import the session files and prove every one")
        steps.import_files(switch)
    steps.account_aside(switch)
    progress("swap current and .env")
    steps.swap_pointers(switch)
    steps.demand_down(switch)


def _activate(switch: Switch) -> None:
    """Activate; where that fails half way, the database says in which direction to go."""
    try:
        steps.activate(switch)
    except DatabaseUnreachable as error:
        raise undo(switch, said(error), after_active=False) from None
    except Exception as error:
        if not _is_active(switch, said(error)):
            raise undo(switch, said(error), after_active=False) from None
        activate_again(switch, said(error))


def _is_active(switch: Switch, why: str) -> bool:
    patience = Patience(switch.host.plan.gate.limit_seconds)
    try:
        with patience.connected(switch.host.plan, wait=True) as connection:
            return "active" in rows.import_states(connection, switch.facts.imports.values())
    except Exception as error:
        raise undecided(
            switch, f"activating the import failed ({why}), and {said(error)}"
        ) from None


def activate_again(switch: Switch, why: str) -> None:
    """Finish an activation of which a part is known to be committed.

    Raises:
        LeftStoppedError: the database does not let it.
    """
    try:
        # Its own deadline: that of the first try may have ended it.
        steps.activate(replace(switch))
    except Exception as error:
        raise undecided(switch, f"{why}; the rest was not activated: {said(error)}") from None


def undecided(switch: Switch, why: str) -> LeftStoppedError:
    """The error for a switch whose direction only the database knows; the alarm was raised."""
    message = (
        f"the service is left stopped: only the database knows whether the import was activated, "
        f"and it does not say ({why}). When it does: baileys-hostswitch resume"
    )
    closing.alarm(switch.host, message)
    return LeftStoppedError(message)


def go_live(switch: Switch, first: Callable[[Switch], Verdict]) -> Result:
    """Start and gate; then close the switch as switched, put back or left stopped.

    Args:
        switch: the open switch, all pointers swapped.
        first: the first attempt, a function of `starting`.

    Returns:
        The record.
    """
    progress("start the new version and gate it")
    verdict = _attempt(switch, first)
    if not verdict.healthy and switch.facts.imports:
        progress(f"not healthy ({verdict.problems[0]}): one more try")
        verdict = _attempt(switch, starting.start_new)
    if verdict.healthy:
        return closing.result_of(_keep(switch, verdict))
    why = "the new version did not become healthy: " + "; ".join(verdict.problems)
    if not switch.facts.imports:
        raise undo(switch, why, after_active=False)
    raise after_active(switch, why)


def _keep(switch: Switch, verdict: Verdict) -> dict[str, Any]:
    runs = "the new version became healthy, but"
    try:
        starting.keep(switch, verdict)
    except (HostError, OSError) as error:
        room = f". Make room: df -h {switch.host.pm2.home}" if isinstance(error, OSError) else ""
        message = (
            f"{runs} PM2 can't be told to start it at a boot: {error}{room}. Then: "
            f"baileys-hostswitch resume"
        )
        closing.alarm(switch.host, message)
        raise HostError(message) from None
    try:
        return closing.close(switch, "switched")
    except (HostError, OSError) as error:
        message = f"{runs} {_unrecorded(error)}"
        closing.alarm(switch.host, message)
        raise HostError(message) from None


def _unrecorded(error: Exception) -> str:
    return (
        f"that can't be recorded ({error}), so the switch is not ended. When the disk takes it: "
        f"baileys-hostswitch resume"
    )


def _close(switch: Switch, outcome: str, why: str, down: Mapping[str, Any] | None = None) -> str:
    """Close a switch that failed; what its error has to add where that can't be recorded."""
    try:
        closing.close(switch, outcome, why=why, down=down)
    except (HostError, OSError) as error:
        return f"; {_unrecorded(error)}"
    return ""


def _attempt(switch: Switch, start: Callable[[Switch], Verdict]) -> Verdict:
    try:
        return start(switch)
    except Exception as error:
        return Verdict((said(error),))


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
            closing.alarm(switch.host, message)
            return LeftStoppedError(message)
        message = (
            f"{why}. The service is left stopped: the keys may have moved in the database, so a "
            f"version that reads files must not start ({error}). Mend the new version or the "
            f"database, then: rollout apply {switch.host.plan.environment}"
        )
        closing.alarm(switch.host, message)
        message += _close(switch, LeftStoppedError.outcome, why)
        return LeftStoppedError(message)


def _stay_down(host: Host) -> None:
    """Nothing of the plan runs, nor comes up with PM2."""
    try:
        starting.take_down(host)
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
        undone = putback.put_back(switch, why, after_active=after_active)
    except TornFilesError as error:
        closing.alarm(switch.host, str(error))
        raise
    except Exception as error:
        if after_active:
            raise
        runs = watch.fetch(switch.host.plan.gate.status_url) is not None
        message = (
            f"{why}; and putting back failed: {error}. {'A version still answers. ' if runs else ''}"
            f"Mend that, then: baileys-hostswitch resume"
        )
        closing.alarm(switch.host, message)
        return LeftStoppedError(message)
    return end_of_undo(switch, undone, why)


def end_of_undo(switch: Switch, undone: putback.Undone, why: str) -> HostError:
    """Close a switch that was put back, unless the database still has to be tidied."""
    why = why.rstrip(".")
    if undone.strays:
        why += f"; strays were kept aside: {', '.join(undone.strays)}"
    down = _down(switch, undone.verdict)
    seconds = down.get("seconds_without_service")
    again = "The old version runs again" + (f", after {seconds:.0f} s" if seconds else "")
    if undone.verdict is not None and not undone.verdict.healthy:
        message = f"{why}; the old version was started, but: {'; '.join(undone.verdict.problems)}"
        closing.alarm(switch.host, message)
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
        closing.alarm(switch.host, message)
    return PutBackError(message) if switch.facts.ran else LeftStoppedError(message)


def _down(switch: Switch, verdict: Verdict | None) -> dict[str, Any]:
    """How long there was no service, until the old version answered."""
    if verdict is None:
        return {}
    start = switch.journal.last(journal.UNDONE, "start")
    return closing.without_service(
        switch.facts,
        switch.journal.entries,
        start,
        verdict.answered,
        gated_again=verdict.gated_again,
    )
