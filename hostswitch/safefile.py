"""Reads files that the service's user can replace: a link or a FIFO there can't mislead or hang root.

Where that user also chooses the path (a log that PM2 names, a directory that `current` leads to), root
reads with that user's rights: what he could not read himself is not read for him.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hostswitch.errors import HostError

Owner = tuple[int, int]
"""Uid and gid."""
DEEPEST = 64
"""Levels of directories that are looked through; each takes a descriptor, and a call within a call."""


class UnsafeFileError(HostError):
    """What lies there is no file that is read: a link, a device, a FIFO, or far too large."""


@contextmanager
def rights_of(owner: Owner | None) -> Iterator[None]:
    """Open what is opened meanwhile with a user's rights; None leaves this process its own.

    The process is still root's: that user can neither signal nor trace it.
    """
    if owner is None or owner[0] == os.geteuid() or os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([owner[1]])
    os.setegid(owner[1])
    os.seteuid(owner[0])
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def owner_of(directory: str) -> Owner:
    """Whose a directory is, where no plan tells the service's user."""
    try:
        found = os.stat(directory)
    except FileNotFoundError:
        return os.geteuid(), os.getegid()
    return found.st_uid, found.st_gid


def see(path: str | Path) -> str:
    """The command that shows what lies at a path, whatever its name has in it."""
    return f"ls -ld -- {shlex.quote(str(path))}"


def open_regular(path: str | Path, owner: Owner | None = None) -> BinaryIO | None:
    """Open a regular file for reading; None if there is nothing.

    Args:
        path: a symlink as its last part is not followed.
        owner: with whose rights; None where that user can't choose the path.

    Raises:
        UnsafeFileError: it is something else, or may not be read.
    """
    try:
        with rights_of(owner):
            # Without opening it: a device may act on being opened (a watchdog, a tape).
            found = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if not stat.S_ISREG(os.fstat(found).st_mode):
                    raise UnsafeFileError(f"{path} is no regular file. See: {see(path)}")
                return open(f"/proc/self/fd/{found}", "rb")
            finally:
                os.close(found)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnsafeFileError(f"{path} can't be read: {error.strerror}. See: {see(path)}") from None


def read_regular(path: str | Path, limit: int, owner: Owner | None = None) -> bytes | None:
    """All bytes of a regular file; None if there is nothing.

    Args:
        path: a symlink as its last part is not followed.
        limit: the largest size in bytes that such a file can sensibly have.
        owner: as for `open_regular`.

    Raises:
        UnsafeFileError: it is something else, may not be read, or is larger.
    """
    file = open_regular(path, owner)
    if file is None:
        return None
    with file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise UnsafeFileError(f"{path} is larger than {limit >> 20} MiB. See: {see(path)}")
    return content


def walk(
    directory: str | Path,
    passed_over: Collection[str] = (),
    above: int | None = None,
    level: int = 0,
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Each directory below one, itself first, with what is in it; no link is followed.

    Args:
        directory: where to begin; one that is missing, or goes meanwhile, is left out.
        passed_over: names of directories that are not looked into.
        above: for the walk itself: descriptor of the directory that it is in.
        level: likewise: how far down that is.

    Raises:
        UnsafeFileError: the directories go down too far, or one can't be looked into.
    """
    path = str(directory)
    if level > DEEPEST:
        there = path[:200]
        raise UnsafeFileError(f"{there} lies more than {DEEPEST} levels down. See: {see(there)}")
    name = path if above is None else os.path.basename(path)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        opened = os.open(name, flags, dir_fd=above)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnsafeFileError(f"{path} can't be read: {error.strerror}. See: {see(path)}") from None
    try:
        with os.scandir(opened) as found:
            entries = list(found)
        yield path, entries
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and entry.name not in passed_over:
                yield from walk(os.path.join(path, entry.name), passed_over, opened, level + 1)
    finally:
        os.close(opened)
