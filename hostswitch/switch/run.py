"""The switch: from what runs to what was staged, or back (docs/switch.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, NoReturn

from hostswitch.base.errors import HostError, LeftStoppedError, RefusedError, TornFilesError
from hostswitch.base.files import replace_file
from hostswitch.base.output import progress
from hostswitch.database import evidence
from hostswitch.database.connection import Patience
from hostswitch.decide import pairing
from hostswitch.decide.changes import decide
from hostswitch.decide.described import resting
from hostswitch.decide.seen import Seen
from hostswitch.host import Host
from hostswitch.look.checks import refusals
from hostswitch.look.observe import look
from hostswitch.pm2.ecosystem import word
from hostswitch.record import journal
from hostswitch.record.journal import Journal
from hostswitch.service.watch import Verdict
from hostswitch.switch import close, ready, steps
from hostswitch.switch import start as starting
from hostswitch.switch.failed import left, said, undo, unrecorded
from hostswitch.switch.opened import Facts, Switch
from hostswitch.switch.stop import demand_down, stop
from sessionstore.errors import DatabaseUnreachable


def run(host: Host) -> dict[str, Any]:
    """Switch this host to what was staged. The caller holds the lock; no journal is open."""
    host.pm2.ensure_daemon()
    host.pm2.prime()
    seen = look(host, staged=True)
    if seen.paired:
        host.history.add(pairing.PAIRED, companies=sorted(seen.paired))
    decision = decide(host.plan, seen)
    if not decision.changes and not decision.refusals and seen.database_error is None:
        return {"outcome": "nothing to do", "rollout_id": host.plan.rollout_id}
    found = refusals(host, seen, decision, is_staged=True)
    if found:
        raise RefusedError(found)
    switch = _open(host, seen, ready.facts(host, seen, decision))
    try:
        ready.prepare(switch)
    except HostError:
        close.finish(switch)
        raise
    return forward(switch)


def _open(host: Host, seen: Seen, facts: Facts) -> Switch:
    host.history.reserve()
    owner = (os.geteuid(), os.getegid())
    replace_file(host.places.plan, json.dumps(asdict(host.plan)).encode(), 0o600, owner)
    what = word(host.entries, resting(host.plan, host.entries, seen.listed))
    replace_file(host.places.to_start, what, 0o600, owner)
    try:
        log = Journal(host.places)
        log.mark(journal.OPEN, "done", **asdict(facts))
    except HostError:
        close.sweep(host.places)
        raise
    return Switch(host, facts, log)


def forward(switch: Switch) -> dict[str, Any]:
    """From the stop on. What nobody thought of is put back too: the service must not stay down."""
    try:
        _before_active(switch)
    except TornFilesError as error:
        left(switch, TornFilesError, str(error))
    except Exception as error:
        if switch.journal.last(journal.STOPPED, "intent") is None:
            close.finish(switch)
            raise ready.as_refused(error) from None
        undo(switch, said(error))
    if switch.facts.imports:
        _activate(switch)
    return go_live(switch, starting.start_stopped)


def _before_active(switch: Switch) -> None:
    facts = switch.facts
    progress("stop the service")
    stop(switch)
    progress("set legacy directories aside")
    steps.set_aside(switch)
    if facts.cut_over:
        progress("import the session files and prove every one")
        steps.import_files(switch)
    steps.account_aside(switch)
    progress("swap current and .env")
    steps.swap_pointers(switch)
    demand_down(switch)


def _activate(switch: Switch) -> None:
    """Activate; where that fails half way, the database says in which direction to go."""
    try:
        steps.activate(switch)
    except DatabaseUnreachable as error:
        undo(switch, said(error))
    except Exception as error:
        asked = f"activating the import failed ({said(error)}), and "
        if "active" not in import_states(switch, switch.host.plan.gate.limit_seconds, asked):
            undo(switch, said(error))
        activate_again(switch, said(error))


def import_states(switch: Switch, seconds: float, why: str = "") -> list[str]:
    """How far each import came, by the database, which is waited for; or the service is left stopped."""
    try:
        with Patience(seconds).connected(switch.host.plan, wait=True) as connection:
            return evidence.import_states(connection, switch.facts.imports.values())
    except Exception as error:
        _undecided(switch, f"{why}{said(error)}")


def activate_again(switch: Switch, why: str) -> None:
    """Finish an activation of which a part is known to be committed."""
    try:
        # Its own deadline: that of the first try may have ended it.
        steps.activate(replace(switch))
    except Exception as error:
        _undecided(switch, f"{why}; the rest was not activated: {said(error)}")


def _undecided(switch: Switch, why: str) -> NoReturn:
    """Only the database knows the direction of this switch."""
    message = (
        f"the service is left stopped: only the database knows whether the import was activated, "
        f"and it does not say ({why}). When it does: baileys-hostswitch resume"
    )
    left(switch, LeftStoppedError, message)


def go_live(switch: Switch, first: Callable[[Switch], Verdict]) -> dict[str, Any]:
    progress("start the new version and gate it")
    verdict = _attempt(switch, first)
    if not verdict.healthy and switch.facts.imports:
        progress(f"not healthy ({verdict.problems[0]}): one more try")
        verdict = _attempt(switch, starting.start_new)
    if not verdict.healthy:
        why = "the new version did not become healthy: " + "; ".join(verdict.problems)
        undo(switch, why, after_active=bool(switch.facts.imports))
    return _keep(switch, verdict)


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
        left(switch, HostError, message)
    try:
        return close.close(switch, "switched")
    except (HostError, OSError) as error:
        left(switch, HostError, f"{runs} {unrecorded(error)}")


def _attempt(switch: Switch, start: Callable[[Switch], Verdict]) -> Verdict:
    try:
        return start(switch)
    except Exception as error:
        return Verdict((said(error),))
