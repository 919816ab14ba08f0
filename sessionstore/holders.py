"""Which processes hold anything below a directory: open, as working directory, or mapped.

/proc tells who it is. A process that may not be looked into there (root in a container sees
such ones), or that hidepid keeps out of it, is no reason to give up: the kernel itself grants a
write lease on a file only while nobody else has it open or mapped, so leases on all files prove
the same.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from sessionstore.descriptors import closing, open_directory
from sessionstore.errors import Refused, printable
from sessionstore.whole import Beneath, Tree, walk

Identity = tuple[int, int]


class Holder(NamedTuple):
    """A process that holds something.

    Attributes:
        pid: of the process; 0 where it can't be told.
        command: its short name.
        how: "open file", "working directory", "root directory" or "mapped file".
    """

    pid: int
    command: str
    how: str


class Sight(NamedTuple):
    """What /proc shows of who holds something.

    Attributes:
        holders: one entry for each process, this one left out.
        closed: pids of the processes that may not be looked into; 1 where others are hidden.
    """

    holders: tuple[Holder, ...]
    closed: tuple[int, ...]


def held_open(directory_fd: int) -> tuple[Holder, ...]:
    """Find the processes that hold a directory or anything in it.

    Args:
        directory_fd: the directory.

    Returns:
        One entry for each process, this one left out.

    Raises:
        Refused: nobody can tell.
    """
    return holders_of(directory_fd, walk(directory_fd, hashed=False))


def holders_of(directory_fd: int, tree: Tree, *, leases: bool = True) -> tuple[Holder, ...]:
    """Do as :func:`held_open` for a tree that was walked already.

    Args:
        directory_fd: the directory.
        tree: all that is in it.
        leases: False asks /proc only, where the caller asks again before anything depends on it.

    Returns:
        One entry for each process.

    Raises:
        Refused: nobody can tell.
    """
    found, closed = _in_proc(os.readlink(f"/proc/self/fd/{directory_fd}"), tree.identities)
    if closed and leases and not found:
        return tuple(sorted(_by_leases(directory_fd, tree, closed)))
    return found


def seen_in_directory(path: str) -> Sight:
    """See who holds a directory or anything in it, by looking only.

    No lease is taken: it would keep a service that works there waiting whenever it opens a file.

    Args:
        path: of the directory.

    Returns:
        What /proc shows, and what it does not.

    Raises:
        DirectoryProblem: it can't be opened, or is a symlink.
    """
    with closing(open_directory(path)) as fd:
        tree = walk(fd, hashed=False)
        return _in_proc(os.readlink(f"/proc/self/fd/{fd}"), tree.identities)


def seen_at_file(path: str) -> Sight:
    """Do as :func:`seen_in_directory` for one file.

    Args:
        path: of the file; not a symlink.

    Returns:
        What /proc shows, and what it does not.

    Raises:
        OSError: it is not there.
    """
    status = os.lstat(path)
    return _in_proc(os.path.realpath(path), {(status.st_dev, status.st_ino)})


def _in_proc(path: str, identities: Collection[Identity]) -> Sight:
    there = os.listdir("/proc")
    found: list[Holder] = []
    # Each /proc has a first process; without it (mounted with hidepid) others are hidden as well.
    closed = [] if "1" in there else [1]
    for name in there:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            how = _how(name, path, identities)
        except PermissionError:
            closed.append(int(name))
            continue
        if how:
            found.append(Holder(int(name), _command(name), how))
    return Sight(tuple(sorted(found)), tuple(sorted(closed)))


def _how(pid: str, path: str, identities: Collection[Identity]) -> str | None:
    try:
        for link, how in (("cwd", "working directory"), ("root", "root directory")):
            if _identity(f"/proc/{pid}/{link}") in identities:
                return how
        for number in os.listdir(f"/proc/{pid}/fd"):
            if _identity(f"/proc/{pid}/fd/{number}") in identities:
                return "open file"
        if any(_maps(pid, path, identities)):
            return "mapped file"
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None


def _identity(link: str) -> Identity | None:
    try:
        status = os.stat(link)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return status.st_dev, status.st_ino


def _maps(pid: str, path: str, identities: Collection[Identity]) -> Iterator[bool]:
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            fields = line.rstrip("\n").split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/"):
                major, _, minor = fields[3].partition(":")
                device = os.makedev(int(major, 16), int(minor, 16))
                # Overlay file systems show another device there, so the path counts too.
                yield (device, int(fields[4])) in identities or f"{fields[5]}/".startswith(
                    f"{path}/"
                )


def _command(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return comm.read().strip()
    except OSError:
        return "?"


def _by_leases(directory_fd: int, tree: Tree, closed: Sequence[int]) -> Iterator[Holder]:
    with Beneath(directory_fd) as beneath:
        for node in tree.files:
            try:
                fd = beneath.open_file(node.path)
                try:
                    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
                finally:
                    os.close(fd)  # Gives the lease back.
            except BlockingIOError:
                yield Holder(0, "?", f"open or mapped file {printable(node.path)}")
            except OSError as error:
                raise Refused(
                    f"process {closed[0]} can't be looked into, and the kernel gives no"
                    f" lease ({error.strerror}), so nobody can tell who holds files",
                    node.path,
                    "Run as root of the machine itself.",
                ) from None
