"""Row 0: everything that can be known while the service still runs. Refuses, and harms nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict

from hostswitch import (
    backups,
    copies,
    envfile,
    gate,
    journal,
    logs,
    other_pm2,
    patience,
    processes,
    rows,
    skew,
    staged,
    swap,
    undoable,
)
from hostswitch.decisions import Decision
from hostswitch.errors import HostError, Refusal, RefusedError
from hostswitch.facts import Facts
from hostswitch.host import Host
from hostswitch.observe import Observed, scan_steadily
from hostswitch.patience import Patience
from hostswitch.plan import LegacyDirectory, providers
from hostswitch.safefile import walk
from hostswitch.seen import effective
from hostswitch.steps import Switch
from sessionstore.activity import STOPPED
from sessionstore.errors import LockHeld, StoreError
from sessionstore.holders import seen_in_directory

_FREE_CONNECTIONS = 3


def refusals(
    host: Host, observed: Observed, decision: Decision, *, is_staged: bool
) -> list[Refusal]:
    """Every reason not to switch that can be found without writing anything.

    Args:
        host: the host.
        observed: what was seen.
        decision: what is to be done.
        is_staged: whether release, .env and database must be there already.
    """
    found = list(decision.refusals)
    if is_staged or os.path.isdir(host.plan.release):
        found += staged.release_refusals(host)
        if decision.changes:
            found += staged.beside_refusals(host, directory_before(host, observed))
        if decision.changes and not found and not _runs_already(host, observed):
            found += staged.syntax_refusals(host)
        if decision.cut_over and not found:
            found += staged.baileys_refusals(host, directory_before(host, observed))
    if is_staged:
        found += staged.env_refusals(host, observed.seen.env_next is None)
        found += staged.ecosystem_refusals(host)
        if observed.database_error is not None:
            found.append(observed.database_error)
    if decision.changes:
        found += stranger_refusals(host, observed)
        found += other_pm2.refusals(host.plan)
        found += _holder_refusals(host, observed, decision)
        found += undoable.refusals(host, decision)
        found += _elsewhere_refusals(host, observed)
        found += skew.refusals(observed.clock_ahead)
    if os.path.isdir(host.plan.app_dir):
        found += staged.space_refusals(host, _live_bytes(host, decision))
    if observed.seen.database is not None:
        importing_from = set(decision.cut_over.values())
        found += account(host, [d for d in decision.to_account if d.path not in importing_from])
    return found


def _runs_already(host: Host, observed: Observed) -> bool:
    """Whether the running process was started from these very files, so that they parse."""
    service, seen = observed.service, observed.seen
    if service is None or not seen.running or seen.directory != host.plan.release:
        return False
    began = processes.started_at(service.pid)
    return began is not None and staged.newest_script(host) < began


def directory_before(host: Host, observed: Observed) -> str:
    """The directory of the version before the switch."""
    return observed.seen.directory or observed.seen.current or host.plan.app_dir


def account(host: Host, directories: Sequence[LegacyDirectory]) -> list[Refusal]:
    """Live directories whose companies the database has: every file must be accounted for."""
    found = []
    remedy = "Nothing was touched; look at the files: baileys-hostswitch store account --plan -"
    for item in directories:
        path = host.path(item.path)
        try:
            with (
                Patience(patience.READY_SECONDS).connected(host.plan) as connection,
                scan_steadily(path, item.path, item.layout) as scan,
            ):
                # That it still runs on these files is as it should be. Judged as it will be: the switch
                # stops it, and makes sure that nobody holds them, before it touches anything.
                reasons = rows.unaccounted(connection, scan, host.plan, service=STOPPED)
        except StoreError as error:
            found.append(Refusal("accounting", error.what, error.where or path, error.remedy))
        else:
            found += [Refusal("accounting", reason, path, remedy) for reason in reasons]
    return found


def stranger_refusals(host: Host, observed: Observed) -> list[Refusal]:
    """Processes that PM2 does not run for us, and that run here or answer: a second socket, unseen."""
    known = _ours(observed)
    found = processes.node_outside(host.plan.app_dir, host.plan.pm2_home, known)
    strangers = [
        (pid, f"process {pid} runs here outside the declared PM2 apps", where)
        for pid, where in sorted(found.items())
    ]
    pid = observed.seen.status.get("pid") if isinstance(observed.seen.status, dict) else None
    if type(pid) is int and pid not in {*known, *found}:
        what = f"process {pid} answers there, and is none of the declared PM2 apps"
        strangers.append((pid, what, host.plan.gate.status_url))
    return [
        Refusal(
            "process", what, where, f"Declare its PM2 app (sibling_apps), or end it: ps -fp {pid}"
        )
        for pid, what, where in strangers
    ]


def _holder_refusals(host: Host, observed: Observed, decision: Decision) -> list[Refusal]:
    """Who holds session files beside the service would hold them after the stop as well."""
    known, found = _ours(observed), []
    for path in (host.path(item.path) for item in _live(decision)):
        try:
            holders = seen_in_directory(path).holders
        except StoreError:
            continue  # What is wrong with it is told already.
        found += [
            Refusal(
                "process",
                f"process {one.pid} ({one.command}) holds session files, and is none of the "
                f"declared PM2 apps",
                path,
                f"Wait until it has ended, or end it: ps -fp {one.pid}",
            )
            for one in holders
            if one.pid not in known
        ]
    return found


def _ours(observed: Observed) -> set[int]:
    """Pids of the declared apps and all that they started."""
    return {one.pid for one in processes.tree({app.pid for app in observed.apps if app.pid > 0})}


def _elsewhere_refusals(host: Host, observed: Observed) -> list[Refusal]:
    """What lies in app_dir is then not what it runs on: releases, .env and session files."""
    directory, app_dir = observed.seen.directory, os.path.realpath(host.plan.app_dir)
    if directory is None or f"{directory}/".startswith(f"{app_dir}/"):
        return []
    script = str(observed.service.started_as.get("pm_exec_path", "")) if observed.service else ""
    remedy = "Set app_dir to the directory that it runs in"
    if os.path.realpath(script).startswith(f"{app_dir}/"):
        remedy = (
            "Its script is in app_dir, but what it opens by a relative path, .env and session files too, is"
            f" where it runs: have PM2 start it with cwd: {app_dir}, and see that it is well, first"
        )
    what = f"{host.plan.service_app} does not run in the application directory {app_dir}"
    return [Refusal("process", what, directory, remedy)]


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
        current_before=swap.current_target(plan.app_dir),
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
            for difference in envfile.differences(
                seen.env_live or {}, seen.env_next or {}, plan.flags, plan.never_secret
            )
        ],
    )


def prepare(switch: Switch, decision: Decision) -> None:
    """Measure, rehearse, back up, copy, and keep how the apps run now.

    Raises:
        RefusedError: the rehearsal or the database says no; the service was not touched.
    """
    host = switch.host
    switch.journal.mark(journal.READY, "intent")
    try:
        figures = _figures(host)
        began = time.monotonic()
        if decision.cut_over:
            _rehearse(host, decision)
        rehearsed = time.monotonic() - began
        if decision.cut_over:
            backups.before(host, "import")
        copied = sum(_copy(switch, path) for path in _live(decision))
        switch.journal.mark(journal.READY, "copied", bytes=copied)
        host.pm2.wait_primed(host.plan.ecosystem, host.plan.pm2_apps)
        undoable.try_all(host, switch.facts)
    except (StoreError, HostError, OSError) as error:
        raise as_refused(error) from None
    measured = {**asdict(figures), "copied_bytes": copied, "rehearsed_seconds": round(rehearsed, 2)}
    switch.journal.mark(journal.READY, "done", **measured)


def as_refused(error: Exception) -> HostError:
    """An error of the ready step as a refusal: nothing was touched yet."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, LockHeld):
        return RefusedError([Refusal("lock", error.what, error.where, error.remedy)])
    if isinstance(error, StoreError):
        reasons = getattr(error, "reasons", None) or (error.what,)
        return RefusedError([Refusal("store", one, error.where, error.remedy) for one in reasons])
    return RefusedError([Refusal("host", str(error), "this host", "Mend that, then run again")])


def _figures(host: Host) -> rows.Figures:
    with Patience(patience.READY_SECONDS).connected(host.plan) as connection:
        found = rows.figures(connection)
    if found.free_connections < _FREE_CONNECTIONS:
        what = f"the database has {found.free_connections} connections left"
        remedy = "Raise max_connections or end idle clients: SELECT * FROM pg_stat_activity"
        raise RefusedError([Refusal("database", what, host.plan.database.host, remedy)])
    return found


def _rehearse(host: Host, decision: Decision) -> None:
    """The whole import, rolled back: what it would stumble over is known before the stop."""
    from sessionstore import importing

    with ExitStack() as stack:
        patient = Patience(patience.READY_SECONDS)
        connection = stack.enter_context(patient.connected(host.plan))
        for company_id, path in decision.cut_over.items():
            scan = stack.enter_context(
                scan_steadily(host.path(path), path, host.plan.layout_of(path))
            )
            importing.rehearse(connection, scan, company_id, host.plan.rollout_id, host.plan.host)


def _import_ids(host: Host, decision: Decision) -> dict[str, str]:
    if not decision.cut_over:
        return {}
    from sessionstore import importing

    plan = host.plan
    return {c: importing.import_id_for(plan.rollout_id, plan.host, c) for c in decision.cut_over}


def _live(decision: Decision) -> list[LegacyDirectory]:
    return [item for item in decision.aside if item.kind == "live"]


def _live_bytes(host: Host, decision: Decision) -> int:
    """What copies of the live directories may take: a copy of a file with holes in it has none."""
    places = [walk(host.path(item.path)) for item in _live(decision)]
    return sum(_size(one) for found in places for _, entries in found for one in entries)


def _size(entry: os.DirEntry[str]) -> int:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return max(found.st_size, found.st_blocks * 512)


def _copy(switch: Switch, item: LegacyDirectory) -> int:
    host = switch.host
    copy = copies.directory(host.places.copies, host.plan.rollout_id, item.name)
    return copies.make(host.path(item.path), copy)
