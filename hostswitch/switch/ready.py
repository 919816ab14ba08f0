"""Row 0: everything that can be known while the service still runs. Refuses, and harms nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict

from hostswitch.base.errors import HostError, Refusal, RefusedError
from hostswitch.database import backup, patience
from hostswitch.database.connection import Figures, figures
from hostswitch.database.patience import Patience
from hostswitch.decide import gate
from hostswitch.decide.changes import Decision
from hostswitch.decide.seen import effective
from hostswitch.directories import copies
from hostswitch.directories.scan import scan_steadily
from hostswitch.envfile import values
from hostswitch.envfile.provider import providers
from hostswitch.host import Host
from hostswitch.look.checks import live_directories
from hostswitch.look.observe import Observed
from hostswitch.record import journal
from hostswitch.service import logs, pointers
from hostswitch.switch import undoable
from hostswitch.switch.opened import Facts, Switch
from sessionstore.errors import LockHeld, StoreError

_FREE_CONNECTIONS = 3


def facts(host: Host, observed: Observed, decision: Decision) -> Facts:
    """What the journal must know to undo the switch and to report it."""
    seen, plan = observed.seen, host.plan
    shown = gate.companies_of(seen.status)
    live = {item.declared.path: item for item in seen.legacy}
    database = seen.database or {}
    keys = {c: state.keys for c, state in database.items()}
    keys.update({c: live[path].companies[c] for c, path in decision.cut_over.items()})
    paths = sorted({path for app in observed.apps for path in app.logs})
    return Facts(
        rollout_id=plan.rollout_id,
        operator=plan.operator,
        reason=plan.reason,
        revision_before=observed.revision,
        current_before=pointers.current_target(plan.app_dir),
        env_before=observed.judged[plan.env_live],
        judged=dict(observed.judged),
        directory_before=seen.directory,
        ran=seen.running,
        files_provider=not providers(effective(plan, seen)),
        cut_over=dict(decision.cut_over),
        imports=_import_ids(host, decision),
        aside=[{"path": d.path, "name": d.name, "kind": d.kind} for d in decision.aside],
        accounted=[d.path for d in decision.to_account],
        keys_before=keys,
        status_before={
            name: {"provider": one.get("provider"), "credentials": one.get("credentials")}
            for name, one in shown.items()
        }
        if shown
        else None,
        apps=sorted({app.name for app in observed.apps}),
        logs=paths,
        lost_key_lines=asdict(logs.rate(paths, host.owner)),
        changes=[change.what for change in decision.changes],
        found=list(observed.found),
        waiting=sorted(decision.waiting),
        clock_ahead_seconds=observed.clock_ahead,
        flags=[
            difference.as_json()
            for difference in values.differences(
                seen.env_live or {}, seen.env_next or {}, plan.flags, plan.never_secret
            )
        ],
    )


def prepare(switch: Switch, decision: Decision) -> None:
    """Measure, rehearse, back up, copy, and keep how the apps run now.

    Raises RefusedError: the rehearsal or the database says no; the service was not touched.
    """
    host = switch.host
    switch.journal.mark(journal.READY, "intent")
    try:
        found = _figures(host)
        began = time.monotonic()
        if decision.cut_over:
            _rehearse(host, decision)
        rehearsed = time.monotonic() - began
        if decision.cut_over:
            backup.before(host, "import")
        kept_in = host.places.copies, host.plan.rollout_id
        copied = sum(
            copies.make(host.path(one.path), copies.directory(*kept_in, one.name))
            for one in live_directories(decision)
        )
        switch.journal.mark(journal.READY, "copied", bytes=copied)
        host.pm2.wait_primed(host.plan.ecosystem, host.plan.pm2_apps)
        undoable.try_all(host, switch.facts)
    except (StoreError, HostError, OSError) as error:
        raise as_refused(error) from None
    measured = {**asdict(found), "copied_bytes": copied, "rehearsed_seconds": round(rehearsed, 2)}
    switch.journal.mark(journal.READY, "done", **measured)


def as_refused(error: Exception) -> RefusedError:
    """An error of the ready step as a refusal: nothing was touched yet."""
    kind = "store" if isinstance(error, StoreError) else "host"
    kind = "lock" if isinstance(error, LockHeld) else kind
    return error if isinstance(error, RefusedError) else RefusedError(Refusal.of(kind, error))


def _figures(host: Host) -> Figures:
    with Patience(patience.READY_SECONDS).connected(host.plan) as connection:
        found = figures(connection)
    if found.free_connections < _FREE_CONNECTIONS:
        what = f"the database has {found.free_connections} connections left"
        remedy = "Raise max_connections or end idle clients: SELECT * FROM pg_stat_activity"
        raise RefusedError([Refusal("database", what, host.plan.database.host, remedy)])
    return found


def _rehearse(host: Host, decision: Decision) -> None:
    """The whole import, rolled back: what it would stumble over is known before the stop."""
    from sessionstore.importing import stage

    with ExitStack() as stack:
        patient = Patience(patience.READY_SECONDS)
        connection = stack.enter_context(patient.connected(host.plan))
        for company_id, path in decision.cut_over.items():
            scan = stack.enter_context(
                scan_steadily(host.path(path), path, host.plan.layout_of(path))
            )
            stage.rehearse(connection, scan, company_id, host.plan.rollout_id, host.plan.host)


def _import_ids(host: Host, decision: Decision) -> dict[str, str]:
    if not decision.cut_over:
        return {}
    from sessionstore.database import imports

    plan = host.plan
    return {c: imports.import_id_for(plan.rollout_id, plan.host, c) for c in decision.cut_over}
