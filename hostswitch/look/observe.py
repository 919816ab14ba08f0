"""Looks at the host, read-only: what runs, what is staged, which session files there are."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hostswitch.base import processes
from hostswitch.base.errors import HostError, NoUserError, Refusal
from hostswitch.base.files import Owner, owner_of
from hostswitch.database import clock, evidence, patience
from hostswitch.database.connection import NoDriverError, leads_to
from hostswitch.database.patience import Patience
from hostswitch.decide import gate, pairing
from hostswitch.decide.described import differences, moved, to_come
from hostswitch.decide.seen import InDatabase, LegacySeen, Listed, Seen, effective
from hostswitch.decide.settings import database_before, undeclared
from hostswitch.directories.scan import blocking, refusal_of, scan_steadily
from hostswitch.envfile import values as envfile
from hostswitch.envfile.provider import OLDER_SWITCH, PROVIDERS
from hostswitch.host import Host
from hostswitch.plan import LegacyDirectory
from hostswitch.pm2 import dump, ecosystem
from hostswitch.pm2.app import App
from hostswitch.service import pointers, started_with
from hostswitch.service.release import revision_of
from hostswitch.service.status import fetch
from sessionstore.errors import StoreError


@dataclass
class _Notes:
    not_checked: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    """What is wrong in the database and no switch mends, in sentences."""
    database_error: Refusal | None = None
    clock_ahead: float | None = None
    """Seconds that the host's clock is ahead of the database's; None where that was not asked."""


@dataclass(kw_only=True)
class Observed(_Notes):
    """What was seen, what could not be, and what only the record needs."""

    seen: Seen
    service: App | None
    apps: tuple[App, ...]
    revision: str | None
    judged: Mapping[str, str | None]
    """Path -> SHA-256 of each file that decides what starts, as it was when it was looked at."""
    paired: frozenset[str]
    """Companies on record as waiting for their first pairing that have credentials now."""


def look(host: Host, *, staged: bool) -> Observed:
    """Look at everything a decision needs; changes nothing, starts nothing.

    Unless the plan must have been staged already, a staged .env that does not match it is left out.
    """
    notes = _Notes()
    apps = _apps(host, notes, staged)
    service = next((app for app in apps if app.name == host.plan.service_app), None)
    running = service is not None and service.running and service.pid > 0
    directory = processes.working_directory(service.pid) if service and running else None
    current = pointers.current_directory(host.plan.app_dir)
    live, following = pointers.read(host.plan.env_live), pointers.read(host.plan.env_next)
    judged = {
        host.plan.env_live: pointers.digest(live),
        host.plan.env_next: pointers.digest(following),
        host.plan.ecosystem: pointers.digest(pointers.read(host.plan.ecosystem)),
    }
    left, database = pairing.left_waiting(host.history.lines()), _database(host, notes)
    paired = paired_of(host, left, database or {})
    seen = Seen(
        current=current,
        running=running,
        directory=directory,
        environment=_environment(host, service) if running else {},
        env_live=None if live is None else envfile.parse(live),
        env_next=_env_next(host, live, following, staged),
        env_same=following is None or live == following,
        legacy=tuple(_legacy(host, item) for item in host.plan.legacy_directories),
        database=database,
        described_otherwise=_described_otherwise(host, apps, staged) if running else (),
        unused=current is None and live is None and not apps and _never_ran(host),
        awaited=left - paired,
        listed=_described(host, apps, staged),
        began=processes.started_at(service.pid) if service and running else None,
        status=fetch(host.plan.gate.status_url) if running else None,
    )
    if running and (before := database_before(host.plan, effective(host.plan, seen))):
        seen = replace(seen, same_database=leads_to(host.plan.database, *before))
    if seen.began is not None and _was_edited(host, seen.began):
        what = f"what the running version read: {host.plan.env_live} was changed since it started"
        notes.not_checked.append(what)
    return Observed(
        seen=seen,
        service=service,
        apps=apps,
        revision=revision_of(current or directory or host.plan.app_dir, _owner(host)),
        judged=judged,
        paired=paired,
        **vars(notes),
    )


def _was_edited(host: Host, began: float) -> bool:
    """Whether the .env may say something else than the process read, of which no note tells."""
    try:
        changed = os.stat(host.plan.env_live).st_ctime
    except OSError:
        return False
    return changed > began and started_with.flags_of(host.places, began) is None


def paired_of(
    host: Host, left: frozenset[str], database: Mapping[str, InDatabase]
) -> frozenset[str]:
    """Those of the companies left waiting that have credentials, as service or database says."""
    if not left:
        return left
    shown = gate.companies_of(fetch(host.plan.gate.status_url))
    in_service = {c for c, one in shown.items() if one.get("credentials") is True}
    return left & (in_service | {c for c, state in database.items() if state.credentials})


def _env_next(
    host: Host, live: bytes | None, following: bytes | None, staged: bool
) -> dict[str, str] | None:
    content = following if following is not None else live
    if content is None:
        return None
    values = envfile.parse(content)
    # What is not as declared will be staged yet; a staged file that is wrong is for `decide`.
    to_come = undeclared(host.plan, values) and (following is None or not staged)
    return None if to_come else values


def _apps(host: Host, notes: _Notes, staged: bool) -> tuple[App, ...]:
    try:
        listed = host.pm2.apps()
    except HostError as error:
        if staged:
            raise  # "could not be asked" must never count as "does not run"
        notes.not_checked.append(f"what runs: {error}")
        return ()
    if host.pm2.daemon() is None:
        notes.not_checked.append("what runs: PM2 is not running here")
    return tuple(app for app in listed if app.name in host.plan.pm2_apps)


def _described(host: Host, apps: tuple[App, ...], staged: bool) -> tuple[Listed, ...]:
    """How PM2 starts the plan's apps; where it lists none, how it would at boot."""
    found = apps or host.pm2.kept(host.plan.pm2_apps)
    wanted = _wanted(host, staged) if found else {}
    node = shutil.which("node", path=host.places.search_path)
    node = node and os.path.realpath(node)
    return tuple(
        Listed(
            app.name,
            app.exported,
            (*app.unusual, *moved(app, wanted.get(app.name, {}), host.plan, node)),
            app.running,
        )
        for app in found
    )


def _described_otherwise(host: Host, apps: tuple[App, ...], staged: bool) -> tuple[str, ...]:
    wanted = _wanted(host, staged)
    return tuple(differences(wanted, {app.name: app for app in apps}))


def _wanted(host: Host, staged: bool) -> ecosystem.Description:
    """The plan's apps as PM2's file says, or will once it is staged."""
    try:
        described = host.described if staged else to_come(host.described, host.plan)
    except ecosystem.EcosystemError:
        return {}  # Not staged yet; once it must be, `staged` refuses.
    return {name: app for name, app in described.items() if name in host.plan.pm2_apps}


def _never_ran(host: Host) -> bool:
    """Whether neither PM2 nor the record knows of any version here; what can't be read may."""
    try:
        saved = dump.only(dump.read(host.pm2.dump()), host.plan.pm2_apps)
    except NoUserError:
        saved = []
    except HostError:
        return False
    return not saved and not pairing.finished_switches(host.history.lines())


def _owner(host: Host) -> Owner:
    try:
        return host.owner
    except NoUserError:
        return owner_of(host.plan.app_dir)


def _environment(host: Host, service: App | None) -> dict[str, str]:
    wanted = {*host.plan.flags, *PROVIDERS, OLDER_SWITCH}
    found = processes.environment(service.pid, host.owner) if service else {}
    return {name: value for name, value in found.items() if name in wanted}


def _legacy(host: Host, declared: LegacyDirectory) -> LegacySeen:
    path = host.path(declared.path)
    problem = _place_problem(host, path)
    if problem is not None:
        return LegacySeen(declared, True, problems=(problem,))
    if not os.path.lexists(path) or declared.kind != "live":
        return LegacySeen(declared, os.path.lexists(path))
    try:
        with scan_steadily(path, declared.path, declared.layout) as scan:
            problems = [refusal_of(path, one) for one in blocking(scan)]
            problems += [_nameless(path) for one in scan.companies if one.company_id is None]
            named = {one.company_id: one for one in scan.companies if one.company_id}
            companies = {name: one.keys for name, one in named.items()}
            written = {
                name: max((file.mtime_ns for file in one.files), default=0) / 1e9
                for name, one in named.items()
            }
    except StoreError as error:
        return LegacySeen(declared, True, problems=tuple(Refusal.of("session-files", error, path)))
    return LegacySeen(declared, True, companies, written, tuple(problems))


def _place_problem(host: Host, path: str) -> Refusal | None:
    """Whether a path is something that can't be renamed within the application directory."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        what = "a declared legacy directory is no directory"
        return Refusal("legacy", what, path, "Replace it by the directory itself, or undeclare it")
    if found.st_dev != os.stat(host.plan.app_dir).st_dev or os.path.ismount(path):
        what = "a legacy directory is on another file system: it can't be set aside by a rename"
        return Refusal("legacy", what, path, "Move its files into the application's file system")
    return None


def _nameless(path: str) -> Refusal:
    what = "session files lie in the directory itself: no company is named"
    return Refusal(
        "session-files", what, path, "Say whose they are in legacy_directories: companies: {.: ID}"
    )


def _database(host: Host, notes: _Notes) -> Mapping[str, InDatabase] | None:
    try:
        with Patience(patience.READY_SECONDS).connected(host.plan) as connection:
            states = evidence.states(connection, host.plan.companies)
            notes.found += evidence.misfiled(connection, host.plan.companies)
            notes.clock_ahead = clock.measured(connection)
            return states
    except StoreError as error:
        (notes.database_error, *_) = Refusal.of("database", error, "database")
    except NoDriverError as error:
        (notes.database_error,) = Refusal.of("database", error, remedy="Stage the host first")
    what = f"the database: {notes.database_error.what}"
    notes.not_checked.append(f"{what} (the switch refuses that, unless the rollout mends it first)")
    return None
