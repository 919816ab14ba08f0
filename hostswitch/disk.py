"""Bytes that must be on the disk before the next act: fsync of files, directories and trees."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)


def sync_directory(path: Path | int) -> None:
    """Wait until a directory's entries are on the disk.

    Args:
        path: the directory, or an open descriptor of it.
    """
    if isinstance(path, int):
        os.fsync(path)
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(descriptor: int) -> None:
    """Wait until everything written to a file system is on its disk; one call for a whole tree.

    Raises:
        OSError: the kernel could not write something.
    """
    if _libc.syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def replace_file(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    """Write a file in one step: whoever opens it sees the old content or the new, never a part.

    Args:
        path: the file; its directory must exist, and be no symlink.
        content: all of it.
        mode: permission bits, in force from the first byte on.
        owner: uid and gid, or None to leave it to this process.
    """
    # Through the directory itself: its owner may put a link in its place meanwhile.
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _replace_in(directory, path.name, content, mode, owner)
    finally:
        os.close(directory)


def replace_by_itself(path: Path, content: bytes) -> None:
    """Try whether a file can be replaced, by what it holds: owner and mode stay."""
    found = os.lstat(path)
    replace_file(path, content, stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid))


def _replace_in(
    directory: int, name: str, content: bytes, mode: int, owner: tuple[int, int] | None
) -> None:
    temporary = f".{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=directory)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600, dir_fd=directory)
    try:
        write_all(descriptor, content)
        if owner is not None:
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(temporary, dir_fd=directory)  # it may hold secrets
        raise
    finally:
        os.close(descriptor)
    os.fsync(directory)


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
    descriptor = os.open(path, flags, 0o600)
    try:
        write_all(descriptor, line.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(path.parent)


def reserve(descriptor: int, size: int) -> None:
    """Set space aside behind a file's end, so that a disk that fills up later can't stop its growth.

    Args:
        descriptor: the file, open for writing; its length stays as it is.
        size: bytes from the file's beginning.

    Raises:
        OSError: there is no room for it. A file system that can't reserve is no error.
    """
    keep_size = 1  # FALLOC_FL_KEEP_SIZE
    if _libc.fallocate(descriptor, keep_size, ctypes.c_int64(0), ctypes.c_int64(size)) == 0:
        return
    code = ctypes.get_errno()
    if code not in (errno.EOPNOTSUPP, errno.ENOSYS):
        raise OSError(code, os.strerror(code))


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte: one `write` may take only a part.

    Raises:
        OSError: the disk is full or broken; a part may have been written.
    """
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
