"""Undoes a switch: rows withdrawn, pointers and directories back, the old version started.

Every act looks first and can be repeated, so that a put back that was itself cut off goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hostswitch.base import clock
from hostswitch.base.errors import LeftStoppedError
from hostswitch.base.output import told
from hostswitch.database.connection import LEAST_SECONDS, Patience
from hostswitch.decide.gate import Company, Expectation
from hostswitch.directories import aside
from hostswitch.pm2 import dump
from hostswitch.record import journal
from hostswitch.record.journal import Journal
from hostswitch.service import logs, pointers
from hostswitch.service.watch import Since, Verdict, Watch
from hostswitch.switch.opened import Switch
from hostswitch.switch.steps import scan_aside
from hostswitch.switch.stop import demand_whole, take_down
from sessionstore.errors import DirectoryProblem, StoreError
from sessionstore.scan.result import DirectoryScan
from sessionstore.scan.scan import scan_directory

if TYPE_CHECKING:
    # Not imported on a host without libpq; there is no import to withdraw there either.
    from sessionstore.database.connection import Connection
    from sessionstore.database.imports import ImportRecord


@dataclass(frozen=True)
class Undone:
    """How a put back ended: what the database is still owed, strays, the old version's gate."""

    pending: str | None
    strays: tuple[str, ...] = ()
    verdict: Verdict | None = None


def put_back(
    switch: Switch, why: str, *, after_active: bool, with_pm2: bool = True, boot_seconds: float = 0
) -> Undone:
    """Bring back the state before the switch. With `pending` set, the journal must stay open.

    Args:
        why: what went wrong; for the run that ends this put back if it is cut off.
        after_active: the import was activated: files come back only if the database proves
            that no row was touched since.
        with_pm2: False at boot before PM2 runs: its own unit then starts the old version.
        boot_seconds: how long at least to wait for a database that does not answer yet.

    Raises TornFilesError (the old version's files are not whole; nothing was started) or
    LeftStoppedError (the import was activated and can't be withdrawn).
    """
    host, log = switch.host, switch.journal
    begin_to_put_back(log, why, after_active=after_active)
    back_already = log.last(journal.UNDONE, "files") is not None
    # Until then it was not seen that it may run on these files.
    let_start = log.last(journal.UNDONE, "start") is not None
    started = with_pm2 and let_start and host.runs_service()
    since = Since(clock.now(), logs.sizes(switch.facts.logs, host.pm2.home, host.owner))
    if with_pm2 and not started:
        take_down(host)
        log.tell(journal.UNDONE, "stop")
    # Staged rows have no effect: the old version does not wait for what is left of them for long.
    seconds = switch.database_seconds if after_active else switch.patience.left()
    patience = Patience(max(seconds, boot_seconds, LEAST_SECONDS))
    pending = _withdraw(switch, patience, wait=boot_seconds > 0)
    if pending and after_active and not back_already:
        raise _active(pending)
    log.tell(journal.UNDONE, "rows", pending=pending and told(pending))
    strays = () if back_already else _files_back(switch)
    log.tell(journal.UNDONE, "files")
    if started:
        return Undone(pending, strays, replace(_gate_old(switch, since), gated_again=True))
    for path in switch.live_paths if switch.facts.files_provider else ():
        demand_whole(switch, path)
    before = dump.read(host.places.dump_before) or []
    dump.bring_back(host.pm2.home, before, host.plan.pm2_apps, host.owner)
    if with_pm2:
        host.pm2.ensure_daemon()
        host.pm2.bring_back(before)
    log.tell(journal.UNDONE, "start")
    if not with_pm2:
        return Undone(pending, strays)
    # Not saved again: the dump says it already, and a full disk may not take it twice.
    verdict = _gate_old(switch, since) if switch.facts.running else None
    return Undone(pending, strays, verdict)


def begin_to_put_back(log: Journal, why: str, *, after_active: bool) -> None:
    """Write the intent with the cause, unless it is there."""
    if log.last(journal.UNDONE, "intent") is None:
        # Without that line an active import would ask for the new version, on rows that are gone.
        begin = log.mark if after_active else log.tell
        begin(journal.UNDONE, "intent", after_active=after_active, why=told(why))


def _withdraw(switch: Switch, patience: Patience, *, wait: bool) -> str | None:
    """Delete exactly the rows that this switch staged; say why not where that fails.

    An import whose activation was committed unseen goes as well: the store proves, under its
    lock, that no row was touched since.
    """
    if switch.journal.last(journal.IMPORTED, "intent") is None or not switch.facts.imports:
        return None
    from sessionstore.database import imports
    from sessionstore.importing import states

    try:
        with patience.connected(switch.host.plan, wait=wait) as connection:
            moved = _moved(connection, switch.facts.imports.values())
            if moved:
                # Before anything is withdrawn: one company's rows must not go while another's stay.
                shown = ", ".join(record.import_id for record in moved)
                why = f"the rows of {shown} are not as they were imported"
                back_already = switch.journal.last(journal.UNDONE, "files") is not None
                if any(record.state == "active" for record in moved) and not back_already:
                    raise _active(why)  # Also where the journal's lines end before that.
                return why
            for company_id, import_id in switch.facts.imports.items():
                record = imports.find(connection, import_id)
                if record is None and switch.journal.last(journal.ACTIVE, "done") is not None:
                    # A record that has gone proves nothing about the rows that it was about.
                    return f"the active import {import_id} has no record any more"
                if record is not None:
                    with _files_of(switch, company_id) as scan:
                        states.withdraw(connection, import_id, scan, active=True)
    except StoreError as error:
        return str(error)
    return None


@contextmanager
def _files_of(switch: Switch, company_id: str) -> Iterator[DirectoryScan]:
    """The files that stay when the rows go: set aside, or in their place again already."""
    path = switch.facts.cut_over[company_id]
    with ExitStack() as stack:
        try:
            scan = stack.enter_context(scan_aside(switch, path))
        except DirectoryProblem:
            layout = switch.host.plan.layout_of(path)
            scan = stack.enter_context(scan_directory(switch.host.path(path), layout=layout))
        yield scan


def _active(why: str) -> LeftStoppedError:
    return LeftStoppedError(f"the import was active and could not be withdrawn: {why}")


def _moved(connection: Connection, imports: Iterable[str]) -> list[ImportRecord]:
    """The imports whose rows changed since; those that are withdrawn already have none."""
    from sessionstore.database.imports import find
    from sessionstore.importing.proof import unchanged

    found = (find(connection, import_id) for import_id in imports)
    left = [record for record in found if record is not None and record.state != "withdrawn"]
    return [one for one in left if not unchanged(connection, one.import_id)]


def is_swapped(switch: Switch) -> bool:
    """Whether a pointer is what only this switch made it, whatever the journal has left to tell."""
    plan = switch.host.plan
    new = os.path.relpath(plan.release, plan.app_dir)
    current = switch.facts.link != pointers.current_target(plan.app_dir) == new
    return current or pointers.is_put(plan.env_live, switch.env_before, switch.env_after)


def _files_back(switch: Switch) -> tuple[str, ...]:
    host, facts, plan = switch.host, switch.facts, switch.host.plan
    if switch.journal.last(journal.SWAPPED, "intent") is not None or is_swapped(switch):
        kept = host.places.env_before
        pointers.restore_env(plan.env_live, plan.env_next, switch.env_before, host.owner, kept)
        pointers.restore_current(plan.app_dir, facts.link)
    if switch.journal.last(journal.SET_ASIDE, "intent") is None or not facts.aside:
        return ()
    if not os.path.lexists(host.path(f"{aside.PLACE}/{facts.rollout_id}")):
        return ()  # Nothing was set aside: no place is needed to bring it back from.
    with aside.opened(host.plan.app_dir, facts.rollout_id) as (app, place):
        return tuple(
            item["path"]
            for item in reversed(facts.aside)
            if aside.back(app, place, item["path"], item["name"])
        )


def _gate_old(switch: Switch, since: Since) -> Verdict:
    """Gate the old version by what it showed before; nothing is demanded that it never had."""
    facts = switch.facts
    companies = {
        company_id: Company(shown.get("provider"), shown.get("credentials") is True, 0)
        for company_id, shown in (facts.status_before or {}).items()
    }
    answers = facts.status_before is not None
    expected = Expectation(companies, connected=False, signals=answers, directory=facts.directory)
    return Watch(switch.host, expected, since, facts.rate).run()
