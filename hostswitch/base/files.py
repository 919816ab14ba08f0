"""Bytes that must be on the disk before the next act: fsync of files, directories and trees."""

from __future__ import annotations

import ctypes
import errno
import os
import shlex
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hostswitch.base.errors import HostError
from sessionstore.disk.opening import closing

Owner = tuple[int, int]
DEEPEST = 64
_libc = ctypes.CDLL(None, use_errno=True)


def sync_directory(path: Path | int) -> None:
    if isinstance(path, int):
        os.fsync(path)
        return
    with closing(os.open(path, os.O_RDONLY | os.O_DIRECTORY)) as descriptor:
        os.fsync(descriptor)


def sync_file_system(descriptor: int) -> None:
    """Wait until everything written to a file system is on its disk; one call for a whole tree."""
    if _libc.syncfs(descriptor) != 0:
        raise _error()


def replace_file(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    """Write a file in one step, its directory too: whoever opens it sees the old content or the new.

    `mode` is in force from the first byte on; without an owner it is this process's.
    """
    # Through the directory itself: its owner may put a link in its place meanwhile.
    with closing(os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)) as directory:
        temporary = f".{path.name}.new"
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with closing(os.open(temporary, flags, 0o600, dir_fd=directory)) as descriptor:
            try:
                write_all(descriptor, content)
                if owner is not None:
                    os.fchown(descriptor, *owner)
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
                os.rename(temporary, path.name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                os.unlink(temporary, dir_fd=directory)  # it may hold secrets
                raise
        os.fsync(directory)


def replace_by_itself(path: Path, content: bytes) -> None:
    """Try whether a file can be replaced, by what it holds: owner and mode stay."""
    found = os.lstat(path)
    replace_file(path, content, stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid))


def open_for_update(path: Path) -> int:
    """Open a file (0600) for reading and writing, and make it where it is missing.

    On a file system that came up read-only it is only read: what was cut off there is ended all the same.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)


def append_line(path: Path, line: str) -> None:
    """Append one line to a file (0600) and wait until it is on the disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with closing(os.open(path, flags, 0o600)) as descriptor:
        write_all(descriptor, line.encode() + b"\n")
        os.fsync(descriptor)
    sync_directory(path.parent)


def reserve(descriptor: int, size: int) -> None:
    """Set space aside up to `size` bytes, so that a disk that fills up later can't stop the file's growth.

    Its length stays. Raises OSError: there is no room. A file system that can't reserve is no error.
    """
    keep_size = 1  # FALLOC_FL_KEEP_SIZE
    failed = _libc.fallocate(descriptor, keep_size, ctypes.c_int64(0), ctypes.c_int64(size))
    if failed and ctypes.get_errno() not in (errno.EOPNOTSUPP, errno.ENOSYS):
        raise _error()


def _error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte (one `write` may take only a part). Raises OSError: a part may have been written."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


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
    """Open a regular file, no symlink, with the owner's rights; None if there is nothing.

    Without an owner where that user can't choose the path. Raises UnsafeFileError: it can't be read.
    """
    try:
        # Without opening it: a device may act on being opened (a watchdog, a tape).
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        with rights_of(owner), closing(os.open(path, flags)) as found:
            if not stat.S_ISREG(os.fstat(found).st_mode):
                raise UnsafeFileError(f"{path} is no regular file. See: {see(path)}")
            return open(f"/proc/self/fd/{found}", "rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnsafeFileError(f"{path} can't be read: {error.strerror}. See: {see(path)}") from None


def read_regular(path: str | Path, limit: int, owner: Owner | None = None) -> bytes | None:
    """All bytes of a regular file, as `open_regular` opens it. Raises UnsafeFileError: it is larger, too."""
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

    One that is missing, or goes meanwhile, is left out; those `passed_over` are not looked into. The walk
    itself gives the last two. Raises UnsafeFileError: they go down too far, or one can't be looked into.
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
