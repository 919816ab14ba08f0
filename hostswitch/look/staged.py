"""Checks what was staged before the service is touched: release, .env, ecosystem file, space."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

from hostswitch.base.errors import Refusal
from hostswitch.base.files import rights_of, walk
from hostswitch.base.user import CommandFailedError
from hostswitch.decide.settings import declared, undeclared
from hostswitch.host import Host
from hostswitch.plan import Plan
from hostswitch.pm2.app import Entry
from hostswitch.pm2.ecosystem import EcosystemError, is_one_fork
from hostswitch.service.pointers import baileys_version

# What dotenv's relatives and many a `config({ path })` read; not .env.bak, .env.example and the like.
_READ_BESIDE = re.compile(
    r"\.env\.((dev|development|local|prod|production|staging|test)(\.local)?|keys|vault)"
)
_STAGE = "Stage it again: rollout apply (role {})"
_SYNTAX_SECONDS = 300
"""For all of a release's scripts together: its user says how many there are."""


def release_refusals(host: Host) -> list[Refusal]:
    plan = host.plan
    remedy = _STAGE.format("release")
    entry = os.path.join(plan.release, plan.entry)
    if not os.path.isfile(entry):
        return [Refusal("release", "the release is not there, or has no entry file", entry, remedy)]
    env = os.path.join(plan.release, ".env")
    if os.path.realpath(env) == os.path.realpath(plan.env_live):
        return []
    return [Refusal("release", "the release's .env does not lead to the live one", env, remedy)]


def _scripts(host: Host) -> list[str]:
    """Those of the entry's directory and all below it."""
    top = os.path.realpath(Path(host.plan.release, host.plan.entry).parent)
    with rights_of(host.owner):
        return sorted(
            os.path.join(directory, one.name)
            for directory, entries in walk(top)
            for one in entries
            if one.name.endswith(".js") and not one.is_dir(follow_symlinks=False)
        )


def newest_script(host: Host) -> float:
    return max((os.lstat(path).st_ctime for path in _scripts(host)), default=float("inf"))


def syntax_refusals(host: Host) -> list[Refusal]:
    """A start of Node.js for each script: only worth it where the release is to be started."""
    until = time.monotonic() + _SYNTAX_SECONDS
    entry = os.path.join(host.plan.release, host.plan.entry)
    scripts = _scripts(host)
    for script in [entry, *(path for path in scripts if path != entry)]:
        try:
            left = max(0.0, min(60.0, until - time.monotonic()))
            host.account.run(["node", "--check", script], seconds=left)
        except CommandFailedError:
            remedy = f"See it as {host.plan.service_user}: node --check {shlex.quote(script)}; then mend it"
            what = f"node --check fails, or {len(scripts)} scripts take over {_SYNTAX_SECONDS} s"
            return [Refusal("release", what, script, remedy)]
    return []


def baileys_refusals(host: Host, before: str) -> list[Refusal]:
    """A cut-over must not change Baileys as well: each reader throws on the other's sender keys."""
    old, new = (baileys_version(one, host.owner) for one in (before, host.plan.release))
    if old is not None and old == new:
        return []
    what = f"Baileys is {old or 'not locked'} in the old release, {new or 'not locked'} in the new"
    remedy = "Move to the database with the Baileys that runs now; change its version afterwards"
    where = os.path.join(host.plan.release, "package-lock.json")
    return [Refusal("baileys", what, where, remedy)]


def env_refusals(host: Host, needed: bool) -> list[Refusal]:
    """The staged .env, where there is or must be one, must be a regular file that only its owner reads."""
    path = host.plan.env_next
    remedy = _STAGE.format("flags")
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return [Refusal("env", "no .env is staged", path, remedy)] if needed else []
    if not os.path.isfile(path) or os.path.islink(path) or found.st_mode & 0o077:
        return [Refusal("env", "the staged .env is no private file (0600)", path, remedy)]
    return []


def beside_refusals(host: Host, before: str) -> list[Refusal]:
    with rights_of(host.owner):
        try:
            names = [name for name in sorted(os.listdir(before)) if _READ_BESIDE.fullmatch(name)]
        except OSError:
            return []
    remedy = (
        "Where it reads that, put what it needs of it into service_settings or service_secrets (they come"
        " into the .env, which it has to read instead); then move it away"
    )
    what = "more settings lie beside the .env, and the new release has no such file"
    return [
        Refusal("env", what, os.path.join(before, name), remedy)
        for name in names
        if not os.path.lexists(os.path.join(host.plan.release, name))
    ]


def ecosystem_refusals(host: Host) -> list[Refusal]:
    """What PM2 is to start by: every app, in fork mode with one instance, as declared."""
    plan = host.plan
    path = os.path.join(plan.release, plan.description.pm2.ecosystem or "")
    try:
        entries = host.entries
    except EcosystemError as error:
        remedy = (
            f"See it as {plan.service_user}: node -p {shlex.quote(f'require({json.dumps(path)})')}"
        )
        return [Refusal("ecosystem", str(error), path, remedy)]
    return [
        Refusal("ecosystem", f"app {name} {what}", path, remedy)
        for name in plan.pm2_apps
        for what, remedy in _entry_problems(plan, entries.get(name))
    ]


def _entry_problems(plan: Plan, entry: Entry | None) -> Iterator[tuple[str, str]]:
    """(what, remedy)"""
    if entry is None:
        yield "is not in it", "Name it there, or set service_app and sibling_apps to its names"
        return
    if not is_one_fork(entry):
        fork = "Start it there with exec_mode: 'fork', instances: 1: one socket a credential"
        yield "is not in fork mode with one instance", fork
    if entry["kill_timeout"] > plan.kill_timeout_ms:
        longer = f"has a longer kill_timeout than {plan.kill_timeout_ms}"
        yield longer, f"Set kill_timeout_ms: {entry['kill_timeout']:.0f}"
    if shadowed := undeclared(plan, declared(plan) | entry["env"]):
        what = f"exports {', '.join(shadowed)} otherwise than declared, which shadows the .env"
        yield (
            what,
            "Take that out of it, or declare the value in pm2_environment in place of flags.yml",
        )


def space_refusals(host: Host, copy_bytes: int) -> list[Refusal]:
    """The state directory needs room for the copies too."""
    needed = host.plan.minimum_free_mb << 20
    found = []
    for path, extra in ((host.plan.app_dir, 0), (_existing(host.places.state), copy_bytes)):
        status = os.statvfs(path)
        free = status.f_bavail * status.f_frsize
        if free < needed + extra:
            what = f"{free >> 20} MiB are free, {(needed + extra) >> 20} MiB are needed"
            remedy = f"Make room: du -xh --max-depth=2 -- {shlex.quote(path)} | sort -h | tail"
            found.append(Refusal("space", what, path, remedy))
    return found


def _existing(path: Path) -> str:
    while not path.exists():
        path = path.parent
    return str(path)
