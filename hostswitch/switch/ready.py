"""Row 0: everything that can be known while the service still runs. Refuses, and harms nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict, fields

from hostswitch.base.errors import HostError, Refusal, RefusedError
from hostswitch.database import evidence
from hostswitch.database.connection import connected, figures
from hostswitch.decide import gate
from hostswitch.decide.changes import Decision
from hostswitch.decide.seen import Before, Seen, runs_on
from hostswitch.description.claims import Signalled
from hostswitch.directories import copies
from hostswitch.directories.scan import scan_steadily
from hostswitch.envfile import values
from hostswitch.host import Host
from hostswitch.record import journal
from hostswitch.service import logs
from hostswitch.switch import undoable
from hostswitch.switch.opened import Facts, Switch
from sessionstore.errors import LockHeld, StoreError
from sessionstore.judgement.activity import FILES

_FREE_CONNECTIONS = 3


def facts(host: Host, seen: Seen, decision: Decision) -> Facts:
    plan = host.plan
    keys = {c: state.keys for c, state in (seen.database or {}).items()}
    live = {item.declared.path: item for item in seen.legacy}
    keys |= {c: live[path].companies[c] for c, path in decision.cut_over.items()}
    shown = gate.shown(plan.description.signals, Signalled(seen.status), plan.companies)
    logs_of_apps = sorted({path for app in seen.apps for path in app.logs})
    flags = values.differences(
        seen.env_live or {}, seen.env_next or {}, plan.flags, plan.never_secret
    )
    return Facts(
        **{one.name: getattr(seen, one.name) for one in fields(Before)},
        rollout_id=plan.rollout_id,
        files_provider=runs_on(plan, seen).keeps == FILES,
        cut_over=dict(decision.cut_over),
        imports=_import_ids(host, decision),
        aside=[{"path": d.path, "name": d.name, "kind": d.kind} for d in decision.aside],
        accounted=[d.path for d in decision.to_account],
        keys_before=keys,
        status_before=shown or None,
        apps=sorted({app.name for app in seen.apps}),
        logs=logs_of_apps,
        lost_key_lines=asdict(logs.rate(logs_of_apps, host.owner)),
        changes=[change.what for change in decision.changes],
        waiting=sorted(decision.waiting),
        flags=[difference.as_json() for difference in flags],
    )


def prepare(switch: Switch) -> None:
    """Measure, rehearse, back up, copy, and keep how the apps run now. Raises RefusedError: one says no."""
    host = switch.host
    switch.journal.mark(journal.READY, "intent")
    try:
        found = _figures(host)
        rehearsed = 0.0
        if switch.facts.cut_over:
            began = time.monotonic()
            _rehearse(switch)
            rehearsed = time.monotonic() - began
            evidence.backup_before(host, "import")
        copied = sum(
            copies.make(host.path(path), switch.copy_of(path)) for path in switch.live_paths
        )
        switch.journal.mark(journal.READY, "copied", bytes=copied)
        host.pm2.wait_primed()
        undoable.try_all(switch)
    except (StoreError, HostError, OSError) as error:
        raise as_refused(error) from None
    measured = {**found, "copied_bytes": copied, "rehearsed_seconds": round(rehearsed, 2)}
    switch.journal.mark(journal.READY, "done", **measured)


def as_refused(error: Exception) -> RefusedError:
    """An error of the ready step as a refusal: nothing was touched yet."""
    if isinstance(error, RefusedError):
        return error
    store = "lock" if isinstance(error, LockHeld) else "store"
    return RefusedError(Refusal.of(store if isinstance(error, StoreError) else "host", error))


def _figures(host: Host) -> dict[str, float]:
    with connected(host.plan) as connection:
        found = figures(connection)
    free = found["free_connections"]
    if free < _FREE_CONNECTIONS:
        what = f"the database has {free} connections left"
        remedy = "Raise max_connections or end idle clients: SELECT * FROM pg_stat_activity"
        raise RefusedError([Refusal("database", what, host.plan.database.host, remedy)])
    return found


def _rehearse(switch: Switch) -> None:
    """The whole import, rolled back: what it would stumble over is known before the stop."""
    from sessionstore.importing import stage

    host, plan = switch.host, switch.host.plan
    with ExitStack() as stack:
        connection = stack.enter_context(connected(plan))
        for company_id, path in switch.facts.cut_over.items():
            scan = stack.enter_context(scan_steadily(host.path(path), path, plan.layout_of(path)))
            stage.rehearse(connection, scan, company_id, plan.rollout_id, plan.host)


def _import_ids(host: Host, decision: Decision) -> dict[str, str]:
    if not decision.cut_over:
        return {}
    from sessionstore.database import imports

    plan = host.plan
    return {c: imports.import_id_for(plan.rollout_id, plan.host, c) for c in decision.cut_over}
