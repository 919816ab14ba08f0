"""Looks at the host, read-only: what runs, what is staged, which session files there are."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import replace
from typing import Any

from hostswitch.base import processes
from hostswitch.base.errors import HostError, NoUserError, Refusal
from hostswitch.base.files import Owner, owner_of
from hostswitch.database import evidence
from hostswitch.database.connection import clock_ahead, connected, leads_to
from hostswitch.decide import gate, pairing
from hostswitch.decide.described import differences, judged
from hostswitch.decide.seen import LegacySeen, Seen, directory_before
from hostswitch.decide.settings import database_before, undeclared
from hostswitch.description.claims import Signalled
from hostswitch.description.provider import files_asked
from hostswitch.directories.scan import blocking, refusal_of, scan_steadily
from hostswitch.envfile import values as envfile
from hostswitch.host import Host
from hostswitch.plan import LegacyDirectory
from hostswitch.pm2 import dump
from hostswitch.pm2.app import App, Entries
from hostswitch.service import pointers, started_with
from hostswitch.service.pointers import present, revision_of
from hostswitch.service.status import fetch
from sessionstore.errors import StoreError


def look(host: Host, *, staged: bool) -> Seen:
    """Look at everything a decision needs; changes nothing, starts nothing.

    Unless the plan must have been staged already, a staged .env that does not match it is left out.
    """
    plan = host.plan
    apps, not_checked = _apps(host, staged)
    service = next((one for one in apps if one.name == plan.service_app and one.has_process), None)
    directory = processes.working_directory(service.pid) if service else None
    live, following = pointers.read(plan.env_live), pointers.read(plan.env_next)
    current = pointers.current_directory(plan.app_dir)
    asked = _database(host)
    left = pairing.left_waiting(host.history.lines())
    status = fetch(plan.gate.status_url) if service or left else None
    shown = gate.shown(plan.description.signals, Signalled(status), left)
    paired = pairing.paired(left, shown, asked["database"] or {})
    files = files_asked(plan.description.provider)
    seen = Seen(
        link=pointers.current_target(plan.app_dir),
        current=current,
        running=service is not None,
        directory=directory,
        judged={
            plan.env_live: pointers.digest(live),
            plan.env_next: pointers.digest(following),
        },
        environment=_environment(host, service) if service else {},
        env_live=None if live is None else envfile.parse(live),
        env_next=_env_next(host, live, following, staged),
        env_same=following is None or live == following,
        legacy=tuple(_legacy(host, item) for item in plan.legacy_directories),
        has_before=present(directory or current or plan.app_dir, files),
        has_after=present(plan.release, files),
        **asked,
        service=service,
        apps=apps,
        listed=_judged(host, apps, directory or current or plan.app_dir),
        described_otherwise=_described_otherwise(host, apps) if service else (),
        unused=current is None and live is None and not apps and _never_ran(host),
        awaited=left - paired,
        paired=paired,
        began=processes.started_at(service.pid) if service else None,
        status=status if service else None,
    )
    before = database_before(plan, seen) if service else None
    return replace(
        seen,
        revision=revision_of(directory_before(plan, seen), _owner(host)),
        same_database=before is not None and leads_to(plan.database, *before),
        not_checked=(*not_checked, *_unasked(seen), *_edited(host, seen)),
    )


def _unasked(seen: Seen) -> list[str]:
    if seen.database_error is None:
        return []
    what = f"the database: {seen.database_error.what}"
    return [f"{what} (the switch refuses that, unless the rollout mends it first)"]


def _edited(host: Host, seen: Seen) -> list[str]:
    """Whether the .env may say something else than the process read, of which no note tells."""
    env, began = host.plan.env_live, seen.began
    if began is None or started_with.changed(env) <= began:
        return []
    if started_with.flags_of(host.places, began) is not None:
        return []
    return [f"what the running version read: {env} was changed since it started"]


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


def _apps(host: Host, staged: bool) -> tuple[tuple[App, ...], list[str]]:
    """The plan's apps that PM2 lists, and why that may not be all that runs."""
    try:
        apps = tuple(host.apps())
    except HostError as error:
        if staged:
            raise  # "could not be asked" must never count as "does not run"
        return (), [f"what runs: {error}"]
    return apps, [] if host.pm2.daemon() is not None else ["what runs: PM2 is not running here"]


def _judged(host: Host, apps: tuple[App, ...], before: str) -> tuple[App, ...]:
    """How PM2 starts the plan's apps; where it lists none, how it would at boot.

    As long as the next version is not staged, by what the one before says.
    """
    found = apps or tuple(host.pm2.kept(host.plan.pm2_apps))
    if not found:
        return ()
    after, was = _entries(host, host.plan.release), None
    if host.plan.description.pm2.ecosystem is not None:
        was = _entries(host, before)
    if after is None and not os.path.isdir(host.plan.release):
        after = was
    if after is None:
        return found  # That is refused by itself.
    node = shutil.which("node", path=host.places.search_path)
    node = node and os.path.realpath(node)
    return tuple(
        judged(app, after.get(app.name, {}), was and was.get(app.name), host.plan, node)
        for app in found
    )


def _described_otherwise(host: Host, apps: tuple[App, ...]) -> tuple[str, ...]:
    entries = _entries(host, host.plan.release)
    return tuple(differences(entries, apps)) if entries is not None else ()


def _entries(host: Host, version: str) -> Entries | None:
    """How PM2 would start the plan's apps by what a version says; None: it is not known."""
    try:
        return host.entries if version == host.plan.release else host.entries_of(version)
    except HostError:
        return None


def _never_ran(host: Host) -> bool:
    """Whether neither PM2 nor the record knows of any version here; what can't be read may."""
    try:
        saved = dump.only(dump.read(host.pm2.dump()) or [], host.plan.pm2_apps)
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


def _environment(host: Host, service: App) -> dict[str, str] | None:
    description = host.plan.description
    names = description.environment
    wanted = {*host.plan.flags, *description.provider.reads, names.companies, names.company}
    found = processes.environment(service.pid, host.owner)
    return found and {name: value for name, value in found.items() if name in wanted}


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


def _database(host: Host) -> dict[str, Any]:
    try:
        with connected(host.plan) as connection:
            return {
                "database": evidence.states(connection, host.plan.companies),
                "found": evidence.misfiled(connection, host.plan.companies),
                "clock_ahead": clock_ahead(connection),
            }
    except StoreError as error:
        (problem, *_) = Refusal.of("database", error, "database")
        return {"database": None, "database_error": problem}
