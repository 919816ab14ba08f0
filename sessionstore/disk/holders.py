"""Which processes hold anything below a directory: open, as working directory, or mapped.

/proc tells who it is. A process that may not be looked into there (root in a container sees
such ones), or that hidepid keeps out of it, is no reason to give up: the kernel itself grants a
write lease on a file only while nobody else has it open or mapped, so leases on all files prove
the same.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sessionstore.disk.mounts import mount_id
from sessionstore.disk.opening import closing, open_beneath, open_directory
from sessionstore.disk.reading import Identity, identity
from sessionstore.disk.walk import DEEPEST, Beneath, Tree, walk
from sessionstore.errors import DirectoryProblem, Refused, printable

#: How something is held; of several the first is told.
_HOW = ("working directory", "root directory", "open file", "mapped file")


class Holder(NamedTuple):
    pid: int  # of the process; 0 where it can't be told
    command: str
    #: one of four: "working directory", "root directory", "open file", "mapped file"; or, where it
    #: can't be told who it is, which file
    how: str

    @property
    def named(self) -> str:
        return f"process {self.pid or '?'} ({self.command})"


class Sight(NamedTuple):
    holders: tuple[Holder, ...]  # one entry for each process, this one left out
    #: pids of the processes that may not be looked into; 1 where others are hidden
    closed: tuple[int, ...]


def held_open(directory_fd: int) -> tuple[Holder, ...]:
    """Find the processes, but this one, that hold a directory or anything in it; Refused: nobody can tell."""
    found, closed = _in_proc(_path(directory_fd), _below(directory_fd))
    if closed and not found:
        return _by_leases(directory_fd, walk(directory_fd, hashed=False), closed)
    return found


def holders_of(directory_fd: int, tree: Tree, *, leases: bool = True) -> tuple[Holder, ...]:
    """Do as :func:`held_open` for a tree that was walked; without leases only if asked again later."""
    found, closed = _in_proc(_path(directory_fd), tree.identities)
    return _by_leases(directory_fd, tree, closed) if closed and leases and not found else found


def seen_in_directory(path: str) -> Sight:
    """See who holds a directory or anything in it, without a lease: that keeps a service waiting."""
    with closing(open_directory(path)) as fd:
        return _in_proc(_path(fd), _below(fd))


def seen_at_file(path: str) -> Sight:
    """Do as :func:`seen_in_directory` for one file, not a symlink; OSError where it is not there."""
    return _in_proc(os.path.realpath(path), [identity(os.lstat(path))])


def _path(directory_fd: int) -> str:
    return os.readlink(f"/proc/self/fd/{directory_fd}")


def _in_proc(path: str, identities: Iterable[Identity]) -> Sight:
    """Hold what all processes have against what is asked about: of that there may be a million."""
    there = os.listdir("/proc")
    found: dict[int, str] = {}
    held: dict[Identity, dict[int, str]] = {}
    # Each /proc has a first process; without it (mounted with hidepid) others are hidden as well.
    closed = [] if "1" in there else [1]
    for pid in (int(name) for name in there if name.isdigit() and int(name) != os.getpid()):
        try:
            for what, how in _held_by(pid, path):
                (found if what is None else held.setdefault(what, {})).setdefault(pid, how)
        except PermissionError:
            closed.append(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue  # It ended.
    for one in identities:
        for pid, how in held.get(one, {}).items():
            found[pid] = min(found.get(pid, how), how, key=_HOW.index)
    holders = (Holder(pid, _command(pid), how) for pid, how in found.items())
    return Sight(tuple(sorted(holders)), tuple(sorted(closed)))


def _held_by(pid: int, path: str) -> Iterator[tuple[Identity | None, str]]:
    """All that a process has; without an identity what is surely the path, or below it."""
    for link, how in (("cwd", _HOW[0]), ("root", _HOW[1])):
        yield from _told(f"/proc/{pid}/{link}", how)
    for number in os.listdir(f"/proc/{pid}/fd"):
        yield from _told(f"/proc/{pid}/fd/{number}", _HOW[2])
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            fields = line.rstrip("\n").split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/"):
                major, _, minor = fields[3].partition(":")
                device = os.makedev(int(major, 16), int(minor, 16))
                # Overlay file systems show another device there, so the path counts too.
                sure = f"{fields[5]}/".startswith(f"{path}/")
                yield None if sure else (device, int(fields[4])), _HOW[3]


def _told(link: str, how: str) -> Iterator[tuple[Identity, str]]:
    with suppress(FileNotFoundError, ProcessLookupError):
        yield identity(os.stat(link)), how


def _below(directory_fd: int) -> Iterator[Identity]:
    """A directory and all in it; not what nobody removes or imports: other mounts, great depths."""
    mount = mount_id(directory_fd)
    left = ["."]
    while left:
        path = left.pop()
        try:
            with closing(open_beneath(directory_fd, path)) as fd, os.scandir(fd) as entries:
                if mount_id(fd) != mount:
                    continue
                yield identity(os.fstat(fd))
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        with suppress(OSError):
                            yield identity(entry.stat(follow_symlinks=False))
                    elif path.count("/") < DEEPEST:
                        left.append(f"{path}/{entry.name}")
        except (OSError, DirectoryProblem):
            continue  # It can't be looked into, or is gone.


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "?"


def _by_leases(directory_fd: int, tree: Tree, closed: Sequence[int]) -> tuple[Holder, ...]:
    found = []
    with Beneath(directory_fd) as beneath:
        for node in tree.files:
            try:
                with closing(beneath.open(node.path)) as fd:  # Closing gives the lease back.
                    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            except BlockingIOError:
                found.append(Holder(0, "?", f"open or mapped file {printable(node.path)}"))
            except OSError as error:
                what = (
                    f"process {closed[0]} can't be looked into, and the kernel gives no"
                    f" lease ({error.strerror}), so nobody can tell who holds files"
                )
                raise Refused(what, node.path, "Run as root of the machine itself.") from None
    return tuple(sorted(found))
