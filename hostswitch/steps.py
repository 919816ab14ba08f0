"""The rows of the switch (docs/switch.md), each between its intent and its done line."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hostswitch import aside, copies, journal, observe, processes, rows, swap, watch
from hostswitch.errors import StepFailedError, TornFilesError
from hostswitch.facts import Facts
from hostswitch.host import Host
from hostswitch.journal import Journal
from hostswitch.patience import Patience
from sessionstore import removal
from sessionstore.activity import STOPPED
from sessionstore.descriptors import open_beneath, open_directory
from sessionstore.errors import DatabaseUnreachable, OutcomeUnknown
from sessionstore.lineage import DESCENDS, SAME, compare
from sessionstore.scan import scan_directory
from sessionstore.tree import DirectoryScan

_PM2_SECONDS = 30
_KILL_GRACE = 5
_SHOWN = 5


@dataclass(frozen=True)
class Switch:
    """One open switch: host, what was found before it, and its journal."""

    host: Host
    facts: Facts
    journal: Journal

    @property
    def database_seconds(self) -> float:
        """How long the database may take for all that it is asked while the service is down.

        What it needed for the same in row 0, three times, and what the gate gives a service.
        """
        ready = self.journal.last(journal.READY, "done")
        rehearsed = ready.data.get("rehearsed_seconds", 0) if ready else 0
        return self.host.plan.gate.limit_seconds + 3 * float(rehearsed)

    @cached_property
    def patience(self) -> Patience:
        """The deadline for that, from the first question of this run on."""
        return Patience(self.database_seconds)


@contextmanager
def step(switch: Switch, name: str, **data: Any) -> Iterator[dict[str, Any]]:
    """Write a step's intent, and its done line with the data that the step puts into the dict."""
    switch.journal.mark(name, "intent", **data)
    done: dict[str, Any] = {}
    yield done
    switch.journal.mark(name, "done", **done)


def stop(switch: Switch) -> None:
    """Stop every app of the plan, and see that nobody holds the files and all are whole.

    Raises:
        StepFailedError: something still runs; the switch must be put back.
        TornFilesError: the stop tore session files; nothing that reads files may start.
    """
    host = switch.host
    apps = [app for app in host.pm2.apps() if app.name in host.plan.pm2_apps]
    running = processes.tree({app.pid for app in apps if app.pid > 0})
    with step(switch, journal.STOPPED):
        # Deleted, not only stopped: PM2 starts a stopped app again at the tick of its cron_restart.
        # What was kept in row 0 has all that bringing it back needs.
        seconds = host.plan.kill_timeout_ms / 1000 + _PM2_SECONDS
        host.pm2.delete(sorted({app.name for app in apps}), seconds)
        switch.journal.mark(journal.STOPPED, "stop")
        _demand_gone(host, running)
        host.pm2.save(host.plan.pm2_apps)
        for path in live_paths(switch):
            _demand_unheld(host.path(path))
            problems = problems_of(switch, path)
            if problems and switch.facts.files_provider:
                raise torn_files(switch, path, problems)
            if problems:
                raise StepFailedError(f"{path} is not whole: {'; '.join(problems[:_SHOWN])}")


def _demand_gone(host: Host, running: set[processes.Identity]) -> None:
    left = processes.wait_gone(running, host.plan.kill_timeout_ms / 1000 + _KILL_GRACE)
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise StepFailedError(
            f"PM2 was told to stop the service, but these processes run on: {pids}"
        )
    if watch.fetch(host.plan.gate.status_url) is not None:
        raise StepFailedError(
            f"the service was stopped, but {host.plan.gate.status_url} still answers: another copy "
            f"of it runs outside PM2. Find it with: ss -ltnp"
        )


def demand_down(switch: Switch) -> None:
    """See that nobody started a version meanwhile: it would use up the keys that were imported.

    Raises:
        StepFailedError: somebody did.
    """
    host = switch.host
    apps = host.pm2.apps()
    found = [f"PM2's {app.name}" for app in apps if app.name in host.plan.pm2_apps]
    others = processes.node_outside(
        host.plan.app_dir, host.plan.pm2_home, {app.pid for app in apps}
    )
    found += [f"process {pid} in {where}" for pid, where in sorted(others.items())]
    if found:
        raise StepFailedError(f"started while the service was to be down: {', '.join(found)}")


def live_paths(switch: Switch) -> list[str]:
    """The live directories of the switch, as its plan names them."""
    return [item["path"] for item in switch.facts.aside if item["kind"] == "live"]


def _demand_unheld(path: str) -> None:
    descriptor = open_directory(path)
    try:
        holders = removal.held_open(descriptor)
    finally:
        os.close(descriptor)
    if holders:
        first = holders[0]
        raise StepFailedError(
            f"the service was stopped, but pid {first.pid} ({first.command}) holds {path}. "
            f"End it, then run the rollout again"
        )


def problems_of(switch: Switch, path: str) -> list[str]:
    """Why a live directory is not whole: a file does not parse, or its credentials are others.

    The same as the copy's or descending from them they must be until a version was started on them.
    """
    copy, layout = _copy(switch, path), switch.host.plan.layout_of(path)
    with scan_directory(switch.host.path(path), layout=layout) as scan:
        problems = [f"{one.where}: {one.kind}" for one in observe.blocking(scan)]
        if problems or not copy.is_dir() or switch.journal.last(journal.UNDONE, "start"):
            return problems
        with scan_directory(str(copy), layout=layout) as before:
            return _regressions(before, scan)


def torn_files(switch: Switch, path: str, problems: list[str]) -> TornFilesError:
    """The error for session files that a stop tore, with the way out."""
    live, copy = (shlex.quote(str(p)) for p in (switch.host.path(path), _copy(switch, path)))
    user = shlex.quote(switch.host.plan.service_user)
    return TornFilesError(
        f"{live} is not whole: {'; '.join(problems[:_SHOWN])}. The service is left stopped: started "
        f"on these files it would lose keys or make a new identity. A copy from just before the "
        f"stop lies in {copy}. Compare: diff -rq --no-dereference {copy} {live}. Take a file over, with "
        f"that user's rights: runuser -u {user} -- tee {live}/FILE < {copy}/FILE > /dev/null. Then: "
        "baileys-hostswitch resume"
    )


def _copy(switch: Switch, path: str) -> Path:
    copies_of = switch.host.places.copies
    return copies.directory(copies_of, switch.facts.rollout_id, _name(switch, path))


def _regressions(before: DirectoryScan, now: DirectoryScan) -> list[str]:
    found = []
    for old in before.companies:
        new = now.company(old.company_id) if old.company_id else None
        if old.credentials is None:
            continue
        if new is None or new.credentials is None:
            found.append(f"the credentials of company {old.company_id} are gone")
            continue
        verdict = compare(old.credentials, new.credentials)
        if verdict.relation not in (SAME, DESCENDS):
            found.append(f"the credentials of company {old.company_id}: {verdict.reason}")
    return found


def _name(switch: Switch, path: str) -> str:
    return next(item["name"] for item in switch.facts.aside if item["path"] == path)


def set_aside(switch: Switch) -> None:
    """Rename every declared legacy directory that is there.

    Raises:
        StepFailedError: one of them is there twice.
    """
    facts = switch.facts
    with step(switch, journal.SET_ASIDE):
        if not facts.aside:
            return
        with aside.opened(switch.host.plan.app_dir, facts.rollout_id, create=True) as (app, place):
            for number, item in enumerate(facts.aside):
                aside.away(app, place, item["path"], item["name"])
                if number == 0:
                    switch.journal.mark(journal.SET_ASIDE, "rename", path=item["path"])


def import_files(switch: Switch) -> dict[str, int]:
    """Stage every company of the cut-over and prove it at this frozen instant.

    Returns:
        Company -> keys imported.

    Raises:
        StepFailedError: a file does not equal its row.
    """
    from sessionstore import importing

    host, facts = switch.host, switch.facts
    keys: dict[str, int] = {}
    equal = 0
    with step(switch, journal.IMPORTED, imports=dict(facts.imports)) as done, ExitStack() as stack:
        connection = stack.enter_context(switch.patience.connected(host.plan))
        for company_id, path in facts.cut_over.items():
            # Listed only: the import reads every file itself, and the proof reads it again.
            with scan_aside(switch, path, contents=False) as scan:
                record = importing.stage(
                    connection,
                    scan,
                    company_id,
                    facts.rollout_id,
                    host.plan.host,
                    import_id=facts.imports[company_id],
                )
            switch.journal.mark(journal.IMPORTED, "staged", company=company_id)
            with scan_aside(switch, path) as scan:
                proof = importing.prove(connection, record.import_id, scan)
            if not proof.ok:
                shown = "; ".join(f"{m.file}: {m.reason}" for m in proof.mismatches[:_SHOWN])
                raise StepFailedError(f"the import of company {company_id} is not proven: {shown}")
            keys[company_id] = record.key_count
            equal += proof.keys + proof.credentials_equal
        done["keys"], done["equal"] = keys, equal
    return keys


@contextmanager
def scan_aside(switch: Switch, path: str, *, contents: bool = True) -> Iterator[DirectoryScan]:
    """Scan a directory that this switch set aside.

    Args:
        switch: the open switch.
        path: of the directory before it was set aside.
        contents: False only lists what is in it.

    Raises:
        DirectoryProblem: it is not there.
    """
    with aside.opened(switch.host.plan.app_dir, switch.facts.rollout_id) as (_, place):
        descriptor = open_beneath(place, _name(switch, path))
        try:
            layout = switch.host.plan.layout_of(path)
            with scan_directory(descriptor, label=path, contents=contents, layout=layout) as scan:
                yield scan
        finally:
            os.close(descriptor)


def account_aside(switch: Switch) -> None:
    """Account again, at this frozen instant, for live files of companies the database has.

    Raises:
        StepFailedError: a file is not accounted for.
    """
    for path in switch.facts.accounted:
        with (
            switch.patience.connected(switch.host.plan) as connection,
            scan_aside(switch, path) as scan,
        ):
            # Row 1 saw every process of it end.
            reasons = rows.unaccounted(connection, scan, switch.host.plan, service=STOPPED)
        if reasons:
            raise StepFailedError(f"{path} is not accounted for: {'; '.join(reasons[:_SHOWN])}")


def swap_pointers(switch: Switch) -> None:
    """Point `current` and `.env` at what was staged.

    Raises:
        StepFailedError: a file is not what row 0 judged.
    """
    host, plan = switch.host, switch.host.plan
    _demand_judged(switch)
    with step(switch, journal.SWAPPED):
        swap.point_current(plan.app_dir, os.path.relpath(plan.release, plan.app_dir))
        switch.journal.mark(journal.SWAPPED, "current")
        judged = switch.facts.judged[plan.env_next]
        swap.put_env(plan.env_live, plan.env_next, judged, host.owner)


def _demand_judged(switch: Switch) -> None:
    """Nothing is swapped yet, so that putting back finds the .env as somebody left it."""
    plan, judged = switch.host.plan, switch.facts.judged
    for path, digest in judged.items():
        if swap.digest(swap.read(path)) != digest:
            raise swap.changed_since(path)
    kept, live = swap.previous(plan.env_live), judged[plan.env_live]
    follows = live is not None and judged[plan.env_next] not in (None, live)
    if follows and swap.digest(swap.read(kept)) != live:
        raise swap.changed_since(str(kept))


def activate(switch: Switch) -> None:
    """Commit the imports as active; from here on the database is the truth.

    Raises:
        DatabaseUnreachable: it broke off, and none is active.
        StoreError: any other: whether one is active is for the database to tell.
    """
    from sessionstore import importing

    switch.journal.mark(journal.ACTIVE, "intent")
    with switch.patience.connected(switch.host.plan) as connection:
        for number, import_id in enumerate(switch.facts.imports.values()):
            try:
                importing.activate(connection, import_id)
            except DatabaseUnreachable as error:
                if number == 0:
                    raise
                raise OutcomeUnknown(error.what, error.where, error.remedy) from None
    # Where it can't be written, the database tells.
    switch.journal.tell(journal.ACTIVE, "done")
