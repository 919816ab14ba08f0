"""Legacy directories renamed out of the service's way, and back: undoable, on descriptors only."""

from __future__ import annotations

import errno
import itertools
import os
import re
import shlex
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from hostswitch.base.errors import StepFailedError
from hostswitch.base.files import sync_directory
from hostswitch.decide.due import Removal, judge
from hostswitch.host import Host
from hostswitch.plan import LegacyDirectory, with_names
from sessionstore.disk.opening import closing, exists, open_beneath, open_directory
from sessionstore.errors import DirectoryProblem
from sessionstore.removal.delete import HALF_REMOVED

PLACE = ".set-aside"
ROLLOUT_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{3,63}")
STRAY = ".stray"
_FULL, _EMPTY = ".rollout-trial-full", ".rollout-trial-empty"


@contextmanager
def opened(app_dir: str, rollout_id: str, *, create: bool = False) -> Iterator[tuple[int, int]]:
    """Descriptors of the application directory and of this rollout's place, made for root alone.

    Raises StepFailedError (it belongs to somebody else) or DirectoryProblem (one is missing, or a link).
    """
    with closing(open_directory(app_dir)) as app:
        if create:
            outer = _make(app, PLACE)
            os.close(_make(outer, rollout_id))
            os.close(outer)
        with closing(open_beneath(app, f"{PLACE}/{rollout_id}")) as place:
            yield app, place


def place_problem(app_dir: str) -> str | None:
    """Why the place of all can't be used, with the command that mends it; None if it can."""
    path = os.path.join(app_dir, PLACE)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return f"it is no directory. Move it away: ls -ld {shlex.quote(path)}"
    return None if _is_ours(found) else _other_owner(path)


def _is_ours(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _other_owner(path: str) -> str:
    quoted = shlex.quote(path)
    return (
        f"it belongs to somebody else or is open to others. Mend it: chown -h root: {quoted} && "
        f"chmod 700 {quoted}"
    )


def try_there_and_back(app: int, place: int, path: str) -> None:
    """Try to set one directory aside and to bring it back, without moving it.

    The kernel refuses to rename a directory onto one that is not empty, but only once it has found
    nothing else to object to: that is the trial of the way there. An empty directory of our own tries
    the way back. Raises OSError: the reason why one of them is not possible.
    """
    with _parent(app, path) as (parent, base):
        if not exists(parent, base):
            return
        with _made(place, _FULL), _made(place, f"{_FULL}/one"), _made(place, _EMPTY):
            try:
                os.rename(base, _FULL, src_dir_fd=parent, dst_dir_fd=place)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            os.rename(_EMPTY, _EMPTY, src_dir_fd=place, dst_dir_fd=parent)
            os.rename(_EMPTY, _EMPTY, src_dir_fd=parent, dst_dir_fd=place)


@contextmanager
def _made(place: int, name: str) -> Iterator[None]:
    os.mkdir(name, 0o700, dir_fd=place)
    try:
        yield
    finally:
        os.rmdir(name, dir_fd=place)


def forget_trial(app_dir: str, rollout_id: str, paths: Iterable[str]) -> None:
    """Remove what a trial left that was killed: directories of its own, only where they are empty."""
    places = {f"{PLACE}/{rollout_id}", *(os.path.dirname(path) or "." for path in paths)}
    with closing(open_directory(app_dir)) as app:
        for place in places:
            with suppress(DirectoryProblem), closing(open_beneath(app, place)) as its:
                for name in (f"{_FULL}/one", _FULL, _EMPTY):
                    with suppress(OSError):
                        os.rmdir(name, dir_fd=its)


def away(app: int, place: int, path: str, name: str) -> None:
    """Set one directory aside, unless that was done. Raises StepFailedError: something made it again."""
    with _parent(app, path) as (parent, base):
        if not exists(parent, base):
            return
        if exists(place, name):
            message = f"{path} is there again although it was set aside; look who wrote it"
            raise StepFailedError(message)
        os.rename(base, name, src_dir_fd=parent, dst_dir_fd=place)
        sync_directory(place)
        sync_directory(parent)


def back(app: int, place: int, path: str, name: str) -> bool:
    """Bring one directory back; harmless if that was done already. Whether a stray was in its place:

    a directory that appeared at the old path meanwhile is kept in the place, under its name with `.stray`
    and, for a second one, a number added: a stray start may have written a new identity there.
    """
    with _parent(app, path) as (parent, base):
        if not exists(place, name):
            return False
        stray = exists(parent, base)
        if stray:
            os.rename(base, _free(place, name + STRAY), src_dir_fd=parent, dst_dir_fd=place)
        _bring(place, name, parent, base)
        return stray


def back_alone(app: int, place: int, path: str, name: str) -> None:
    """Bring one directory back. Raises FileExistsError: something is in its place; nothing was moved."""
    with _parent(app, path) as (parent, base):
        if exists(parent, base):
            raise FileExistsError
        _bring(place, name, parent, base)


def drop_empty(app_dir: str, rollout_id: str) -> None:
    """Remove a rollout's place, and the place of all, where they are empty."""
    with closing(open_directory(app_dir)) as app:
        for path in (f"{PLACE}/{rollout_id}", PLACE):
            try:
                os.rmdir(path, dir_fd=app)
            except FileNotFoundError:
                continue  # Cut off here before: the place of all may be left.
            except OSError:
                return
        sync_directory(app)


def listed(app_dir: str) -> dict[str, list[str]]:
    """Rollout id -> names, oldest rollout first."""
    if not os.path.lexists(os.path.join(app_dir, PLACE)):
        return {}
    found = {}
    with closing(open_directory(app_dir)) as app, closing(open_beneath(app, PLACE)) as place:
        # Names go into messages and commands: what is not a rollout's is not ours.
        for rollout in sorted(filter(ROLLOUT_ID.fullmatch, os.listdir(place))):
            with closing(open_beneath(place, rollout)) as its:
                found[rollout] = sorted({*os.listdir(its)} - {_FULL, _EMPTY})
    return found


@dataclass(frozen=True)
class SetAside:
    rollout_id: str
    name: str
    declared: LegacyDirectory | None
    removal: Removal
    archive: str
    manifest: str

    @property
    def shown(self) -> str:
        return f"{PLACE}/{self.rollout_id}/{self.name}"


def all_set_aside(host: Host) -> list[SetAside]:
    lines = host.history.lines()
    declared = with_names(host.plan.legacy_directories)
    found = []
    for rollout_id, names in listed(host.plan.app_dir).items():
        removal = judge(
            lines, rollout_id, host.plan.remove_after_days, time.time(), host.plan.rollout_id
        )
        for name in sorted({name.removesuffix(HALF_REMOVED) for name in names}):
            base = os.path.join(host.plan.archive.directory, rollout_id, name)
            archive, manifest = f"{base}.tar.zst.age", f"{base}.manifest.jsonl"
            found.append(SetAside(rollout_id, name, declared.get(name), removal, archive, manifest))
    return found


def _free(place: int, name: str) -> str:
    numbered = (f"{name}.{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if not exists(place, one))


def _bring(place: int, name: str, parent: int, base: str) -> None:
    os.rename(name, base, src_dir_fd=place, dst_dir_fd=parent)
    sync_directory(parent)
    sync_directory(place)


@contextmanager
def _parent(app: int, path: str) -> Iterator[tuple[int, str]]:
    directory, _, base = path.rpartition("/")
    with closing(open_beneath(app, directory or ".")) as parent:
        yield parent, base


def _make(parent: int, name: str) -> int:
    """Make a directory for root alone, and be sure that it is that."""
    if not exists(parent, name):
        os.mkdir(name, 0o700, dir_fd=parent)
        sync_directory(parent)
    descriptor = open_beneath(parent, name)
    if not _is_ours(os.fstat(descriptor)):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        os.close(descriptor)
        raise StepFailedError(f"{path}: {_other_owner(path)}")
    return descriptor
