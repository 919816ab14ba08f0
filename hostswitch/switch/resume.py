"""Finishes or puts back a switch that was cut off, as `recovery` decides; also at boot."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from hostswitch.base.errors import PutBackError
from hostswitch.base.output import emit, progress
from hostswitch.base.places import Places
from hostswitch.base.structured import PlanError
from hostswitch.decide.recovery import Action, Recovery, decide, settle
from hostswitch.host import Host
from hostswitch.plan import load
from hostswitch.pm2 import dump
from hostswitch.record import journal
from hostswitch.record.journal import Journal, JournalError, is_open
from hostswitch.service import pointers
from hostswitch.switch import close, put_back, start
from hostswitch.switch.failed import said, undo
from hostswitch.switch.opened import Switch, facts_of
from hostswitch.switch.run import activate_again, go_live, import_states

BEFORE_PM2 = "before-pm2"
AFTER_PM2 = "after-pm2"
_BOOT_SECONDS = 60
_ONLY_CLOSE = (Action.FORGET, Action.FINISH)


def run(places: Places, boot: str | None = None) -> dict[str, Any]:
    """Finish or put back the open switch, from a boot unit as far as it may. The caller holds the lock."""
    if not is_open(places):
        close.sweep(places)
        return {"outcome": "nothing to do"}
    log = Journal(places)
    recovery = decide(log.entries)
    if recovery.action in _ONLY_CLOSE and not places.plan.exists():
        return close.finish_without_plan(places, facts_of(log.entries), log)  # The plan had gone.
    opened = _open(places, log)
    progress(f"an open switch ({opened.facts.rollout_id}, row {recovery.row}): {recovery.why}")
    told = {"row": recovery.row, "action": recovery.action.value, "why": recovery.why}
    emit("recovery", rollout_id=opened.facts.rollout_id, **told)
    if boot == BEFORE_PM2:
        return _before_pm2(opened, recovery)
    return _now(opened, _settled(opened, recovery, opened.host.plan.gate.limit_seconds))


def _open(places: Places, log: Journal) -> Switch:
    try:
        plan = load(places.plan.read_text())
    except (OSError, ValueError, PlanError) as error:
        lost = "is missing" if isinstance(error, FileNotFoundError) else "is ruined"
        raise JournalError(
            f"{places.journal} is open, but {places.plan} {lost}, without which it can't be "
            f"finished. Look at: baileys-hostswitch status"
        ) from None
    return Switch(Host(plan, places), facts_of(log.entries), log)


def _settled(opened: Switch, recovery: Recovery, seconds: float) -> Recovery:
    """Let the database tell whether an activation was committed, and the pointers what goes forward."""
    if recovery.action is Action.ASK_DATABASE:
        recovery = settle(recovery, import_states(opened, seconds))
    return _pointed(opened, recovery)


def _pointed(opened: Switch, recovery: Recovery) -> Recovery:
    """Forward only with the new version's pointers: else a put back began that no line tells of."""
    plan, facts = opened.host.plan, opened.facts
    if recovery.action is Action.FORGET and _touched(opened):
        why = "the journal lacks lines: by it the service was never stopped, and it was"
        return replace(recovery, action=Action.PUT_BACK, why=why)
    if recovery.action not in (Action.START_NEW, Action.GATE):
        return recovery
    target = pointers.current_target(plan.app_dir)
    new = os.path.relpath(plan.release, plan.app_dir)
    env = pointers.is_back(plan.env_live, opened.env_before, opened.env_after)
    if not env and (target == new or target != facts.link):
        return recovery
    why = "`current` or .env is the one from before: a put back had begun"
    progress(why)
    put_back.begin_to_put_back(opened.journal, why, after_active=bool(facts.imports))
    return replace(recovery, action=Action.PUT_BACK, why=why)


def _touched(opened: Switch) -> bool:
    """Whether more was done than row 0 does."""
    host = opened.host
    if not host.places.dump_before.exists():  # Row 0 keeps it last.
        return False
    return put_back.is_swapped(opened) or (
        opened.facts.running and host.pm2.daemon() is not None and host.service() is None
    )


def _now(opened: Switch, recovery: Recovery) -> dict[str, Any]:
    if recovery.action in _ONLY_CLOSE:
        return close.finish(opened)
    opened.host.pm2.ensure_daemon()
    if recovery.action is Action.PUT_BACK:
        undo(opened, _cause(opened, recovery), after_active=_after_active(opened))
    if recovery.action is Action.START_NEW:
        if opened.facts.imports and opened.journal.last(journal.ACTIVE, "done") is None:
            activate_again(opened, "an import is active")
        return go_live(opened, start.start_new)
    return go_live(opened, start.gate_again)


def _before_pm2(opened: Switch, recovery: Recovery) -> dict[str, Any]:
    """At boot, before PM2's own unit, which must start no version meanwhile: files, rows and dump only."""
    try:
        recovery = _settled(opened, recovery, _BOOT_SECONDS)
    except Exception as error:
        _keep_down(opened)
        progress(said(error))
        return {"outcome": "undecided", "rollout_id": opened.facts.rollout_id}
    if recovery.action in _ONLY_CLOSE:
        return close.finish(opened)
    if recovery.action is Action.PUT_BACK:
        return _put_back_before_pm2(opened, _cause(opened, recovery))
    if opened.journal.last(journal.HEALTHY, "done") is None:
        _keep_down(opened)
    return {"outcome": "continues after PM2", "rollout_id": opened.facts.rollout_id}


def _put_back_before_pm2(opened: Switch, why: str) -> dict[str, Any]:
    after_active = _after_active(opened)
    try:
        undone = put_back.put_back(
            opened, why, after_active=after_active, with_pm2=False, boot_seconds=_BOOT_SECONDS
        )
    except Exception as error:
        _keep_down(opened)
        opened.host.alarm(said(error))
        raise
    return {"outcome": "put back, PM2 starts the old version", "pending": undone.pending}


def _cause(opened: Switch, recovery: Recovery) -> str:
    """As the run knew that began to put it back."""
    begun = opened.journal.last(journal.UNDONE, "intent")
    return str((begun and begun.data.get("why")) or f"the switch was cut off at row {recovery.row}")


def _after_active(opened: Switch) -> bool:
    begun = opened.journal.last(journal.UNDONE, "intent")
    return begun is not None and bool(begun.data["after_active"])


def _keep_down(opened: Switch) -> None:
    """See that PM2's unit starts no version by itself."""
    host = opened.host
    try:
        dump.keep_out(host.pm2.home, host.plan.pm2_apps, host.owner)
    except OSError as error:
        message = f"PM2 may start the service at this boot before its switch is ended: {error}"
        host.alarm(message)


def first(places: Places) -> dict[str, Any] | None:
    """Before a new switch: finish an open one. Raises HostError: it could not be ended; none may begin."""
    if not is_open(places):
        close.sweep(places)
        return None
    try:
        result = run(places)
    except PutBackError as error:
        progress(str(error))
        if is_open(places):
            raise
        result = {"outcome": error.outcome, "why": str(error)}
    emit("resumed", **result)
    return result
