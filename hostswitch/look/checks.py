"""What speaks against a switch, before anything is touched."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from hostswitch.base import processes
from hostswitch.base.errors import Refusal
from hostswitch.base.files import rights_of, walk
from hostswitch.database import evidence
from hostswitch.database.connection import clock_refusals, connected
from hostswitch.decide.changes import Decision
from hostswitch.decide.seen import Seen, directory_before
from hostswitch.description.claims import value_at
from hostswitch.directories.scan import scan_steadily
from hostswitch.host import Host
from hostswitch.look import neighbours, staged, unmovable
from hostswitch.plan import LegacyDirectory, Plan
from hostswitch.pm2 import dump
from hostswitch.pm2.app import ONLINE
from sessionstore.disk.holders import seen_in_directory
from sessionstore.errors import StoreError
from sessionstore.judgement.activity import STOPPED

_LONGEST, _MOST = 200, 20  # Any user of the host writes them.
_UNITS = Path("/etc/systemd/system")
_HOME = re.compile(r"^Environment=\"?PM2_HOME=([^\"\n]+)", re.MULTILINE)


def refusals(host: Host, seen: Seen, decision: Decision, *, is_staged: bool) -> list[Refusal]:
    """Every reason not to switch that can be found without writing; once staged, all must be there."""
    found = list(decision.refusals)
    before = directory_before(host.plan, seen)
    if is_staged or os.path.isdir(host.plan.release):
        found += staged.release_refusals(host) or staged.ecosystem_refusals(host)
        if decision.changes:
            found += staged.beside_refusals(host, before)
        if decision.changes and not found and not _runs_already(host, seen):
            found += staged.syntax_refusals(host)
        if decision.cut_over and not found:
            found += staged.baileys_refusals(host, before)
    if is_staged:
        found += staged.env_refusals(host, seen.env_next is None)
        if seen.database_error is not None:
            found.append(seen.database_error)
    if decision.changes:
        beside = neighbours.neighbours(host)
        found += neighbours.refusals(host, beside)
        found += stranger_refusals(host, seen, neighbours.pids(beside))
        found += _other_pm2_refusals(host.plan)
        found += _holder_refusals(host, seen, decision)
        found += unmovable.refusals(host, decision)
        found += _elsewhere_refusals(host, seen)
        found += clock_refusals(seen.clock_ahead)
    if os.path.isdir(host.plan.app_dir):
        found += staged.space_refusals(host, _live_bytes(host, decision))
    if seen.database is not None:
        importing_from = set(decision.cut_over.values())
        found += account(host, [d for d in decision.to_account if d.path not in importing_from])
    return found


def _runs_already(host: Host, seen: Seen) -> bool:
    """Whether the running process was started from these very files, so that they parse."""
    began = seen.began if seen.directory == host.plan.release else None
    return began is not None and staged.newest_script(host) < began


def account(host: Host, directories: Sequence[LegacyDirectory]) -> list[Refusal]:
    """Live directories whose companies the database has: every file must be accounted for."""
    found = []
    remedy = "Nothing was touched; look at the files: baileys-hostswitch store account --plan -"
    for item in directories:
        path = host.path(item.path)
        try:
            with (
                connected(host.plan) as connection,
                scan_steadily(path, item.path, item.layout) as scan,
            ):
                # That it still runs on these files is as it should be. Judged as it will be: the switch
                # stops it, and makes sure that nobody holds them, before it touches anything.
                reasons = evidence.unaccounted(connection, scan, host.plan, service=STOPPED)
        except StoreError as error:
            found += Refusal.of("accounting", error, path)
        else:
            found += [Refusal("accounting", reason, path, remedy) for reason in reasons]
    return found


def stranger_refusals(host: Host, seen: Seen, beside: Collection[int] = ()) -> list[Refusal]:
    """Processes that PM2 does not run for us, and that run here or answer: a second socket, unseen."""
    known = _ours(seen)
    found = processes.node_outside(host.plan.app_dir, host.plan.pm2_home, {*known, *beside})
    strangers = [
        (pid, f"process {pid} runs here outside the declared PM2 apps", where)
        for pid, where in sorted(found.items())
    ]
    http = host.plan.description.signals.http
    pid = value_at(seen.status, http.pid if http else None)
    if type(pid) is int and pid not in {*known, *found}:
        what = f"process {pid} answers there, and is none of the declared PM2 apps"
        strangers.append((pid, what, str(host.plan.gate.status_url)))
    return [
        Refusal(
            "process", what, where, f"Declare its PM2 app (sibling_apps), or end it: ps -fp {pid}"
        )
        for pid, what, where in strangers
    ]


def _holder_refusals(host: Host, seen: Seen, decision: Decision) -> list[Refusal]:
    """Who holds session files beside the service would hold them after the stop as well."""
    known, found = _ours(seen), []
    for path in _live_directories(host, decision):
        try:
            holders = seen_in_directory(path).holders
        except StoreError:
            continue  # What is wrong with it is told already.
        for one in holders:
            if one.pid not in known:
                who = f"process {one.pid} ({one.command})"
                what = f"{who} holds session files, and is none of the declared PM2 apps"
                remedy = f"Wait until it has ended, or end it: ps -fp {one.pid}"
                found.append(Refusal("process", what, path, remedy))
    return found


def _ours(seen: Seen) -> set[int]:
    return {one.pid for one in processes.tree({app.pid for app in seen.apps if app.pid > 0})}


def _elsewhere_refusals(host: Host, seen: Seen) -> list[Refusal]:
    """What lies in app_dir is then not what it runs on: releases, .env and session files."""
    directory, app_dir = seen.directory, os.path.realpath(host.plan.app_dir)
    if directory is None or f"{directory}/".startswith(f"{app_dir}/"):
        return []
    script = str(seen.service.started_as.get("pm_exec_path", "")) if seen.service else ""
    remedy = "Set app_dir to the directory that it runs in"
    if os.path.realpath(script).startswith(f"{app_dir}/"):
        remedy = (
            "Its script is in app_dir, but what it opens by a relative path, .env and session files too, is"
            f" where it runs: have PM2 start it with cwd: {app_dir}, and see that it is well, first"
        )
    what = f"{host.plan.service_app} does not run in the application directory {app_dir}"
    return [Refusal("process", what, directory, remedy)]


def _live_directories(host: Host, decision: Decision) -> list[str]:
    return [host.path(item.path) for item in decision.aside if item.kind == "live"]


def _live_bytes(host: Host, decision: Decision) -> int:
    """What copies of the live directories may take: a copy of a file with holes in it has none."""
    places = map(walk, _live_directories(host, decision))
    return sum(_size(one) for found in places for _, entries in found for one in entries)


def _size(entry: os.DirEntry[str]) -> int:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return max(found.st_size, found.st_blocks * 512)


def _other_pm2_refusals(plan: Plan) -> list[Refusal]:
    """Apps of the application directory that a PM2 which is not the plan's would start at boot."""
    found, app_dir = [], os.path.realpath(plan.app_dir)
    for home, user in sorted(_homes(plan).items()):
        for app in _saved(home, user):
            places = (app.get("pm_cwd"), app.get("pm_exec_path"))
            ours = any(
                isinstance(one, str)
                and "\0" not in one
                and f"{os.path.realpath(one)}/".startswith(f"{app_dir}/")
                for one in places
            )
            if ours and app.get("status") in ONLINE:
                name = str(app.get("name"))[:_LONGEST]
                what = (
                    f"the PM2 of {user} starts {name} from here at boot: two sockets on one account"
                )
                remedy = (
                    f"As {user}: export PM2_HOME={shlex.quote(home)}; pm2 delete {shlex.quote(name)};"
                    " pm2 save --force"
                )
                found.append(Refusal("pm2", what, home, remedy))
    return found[:_MOST]


def _homes(plan: Plan) -> dict[str, str]:
    """PM2_HOME -> whose it is, but for the plan's own."""
    users = pwd.getpwall()
    homes = {os.path.realpath(f"{one.pw_dir}/.pm2"): one.pw_name for one in reversed(users)}
    for unit in _UNITS.glob("pm2-*.service"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            user = unit.stem.removeprefix("pm2-")
            homes.update({os.path.realpath(one): user for one in _HOME.findall(unit.read_text())})
    homes.pop(os.path.realpath(plan.pm2_home), None)
    return homes


def _saved(home: str, user: str) -> dump.Apps:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return []
    with rights_of((entry.pw_uid, entry.pw_gid)):
        return dump.surviving(Path(home))
