"""Places where a step or its undo could not be done."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from hostswitch.base.errors import Refusal
from hostswitch.base.files import Owner, rights_of
from hostswitch.decide.changes import Decision
from hostswitch.directories import aside
from hostswitch.host import Host
from hostswitch.pm2 import dump
from hostswitch.service import pointers
from sessionstore.disk.mounts import mounts_beneath
from sessionstore.disk.opening import closing, open_directory


def refusals(host: Host, decision: Decision) -> list[Refusal]:
    plan = host.plan
    if not os.path.isdir(plan.app_dir):
        return []  # Not staged yet.
    linked = _link_refusals(host) + _owner_refusals(host)
    if linked:
        return linked
    found = _file_refusals(host) + _mount_refusals(host, decision)
    problem = aside.place_problem(plan.app_dir) if decision.aside else None
    if problem is not None:
        found.append(
            Refusal("set-aside", "the place can't be used", host.path(aside.PLACE), problem)
        )
    return found


def _link_refusals(host: Host) -> list[Refusal]:
    """Root writes into no directory that a link leads to: its owner may point it elsewhere."""
    plan = host.plan
    linked = [path for path in (plan.app_dir, plan.release) if os.path.realpath(path) != path]
    linked += [plan.pm2_home] if os.path.islink(plan.pm2_home) else []
    remedy = (
        "Have the directory itself there; one on another volume as a mount, not a link "
        "(mount --bind, and in /etc/fstab). See: namei -l {}"
    )
    what = "a link leads there"
    return [Refusal("link", what, path, remedy.format(shlex.quote(path))) for path in linked]


def _owner_refusals(host: Host) -> list[Refusal]:
    """Where root writes must lie in root's directories: the user could put a link in its place."""
    above = [*Path(host.plan.app_dir).parents, *Path(host.plan.archive.directory).parents]
    what = f"{host.plan.service_user} can put something else in the place of what lies in it"
    remedy = "Give it to root: chown root {0} && chmod go-w {0}"
    return [
        Refusal("owner", what, str(path), remedy.format(shlex.quote(str(path))))
        for path in dict.fromkeys(above)
        if path.exists() and _changeable(path, host.owner)
    ]


def _changeable(directory: Path, owner: Owner) -> bool:
    found = directory.stat()
    if owner[0] in (os.geteuid(), found.st_uid):
        return owner[0] != os.geteuid()
    with rights_of(owner):
        return (
            os.access(directory, os.W_OK, effective_ids=True) and not found.st_mode & stat.S_ISVTX
        )


def _file_refusals(host: Host) -> list[Refusal]:
    env = host.plan.env_live
    found = []
    for path in (Path(env), pointers.previous(env), Path(host.plan.pm2_home, dump.NAMES[0])):
        if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
            what, remedy = "is no regular file, and has to be replaced", "Move it away: ls -ld {}"
            remedy = remedy.format(shlex.quote(str(path)))
            found.append(Refusal("file", what, str(path), remedy))
        elif not all(os.access(one, os.W_OK) for one in (path, path.parent) if one.exists()):
            found.append(Refusal("file", "can't be replaced", str(path), look_at(str(path))))
    return found


def look_at(path: str) -> str:
    """The commands that tell why a path can't be changed."""
    quoted = shlex.quote(path)
    return f"See: findmnt -T {quoted}; lsattr -d {quoted}; df -h {quoted}"


def _mount_refusals(host: Host, decision: Decision) -> list[Refusal]:
    plan = host.plan
    renamed = {"current", aside.PLACE, *(declared.path for declared in decision.aside)}
    for path in (plan.env_live, plan.env_next, str(pointers.previous(plan.env_live))):
        renamed.add(os.path.relpath(path, plan.app_dir))
    with closing(open_directory(plan.app_dir)) as app:
        mounted = sorted(renamed.intersection(mounts_beneath(app)))
    what, remedy = "something is mounted on it, so it can't be renamed", "Unmount it: umount {}"
    paths = [host.path(name) for name in mounted]
    return [Refusal("mount", what, path, remedy.format(shlex.quote(path))) for path in paths]
