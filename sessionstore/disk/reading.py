"""A whole file, read from a descriptor: regular, of a bounded size, unchanged meanwhile."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple, Union

from sessionstore.disk.opening import READ_FILE, kind_of_mode
from sessionstore.errors import BadFile, cause_of


class FileState(NamedTuple):
    """What is kept of a file's status: a third of the memory that all of it takes."""

    st_mode: int  # as those of ``os.stat_result`` of the same names, like all others
    st_ino: int
    st_dev: int
    st_nlink: int  # names that it has
    st_uid: int
    st_gid: int
    st_size: int  # in bytes
    st_mtime_ns: int  # last change of the contents
    st_ctime_ns: int  # last change of anything
    st_blocks: int  # of 512 bytes, on the disk

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        return cls._make(_kept(status))


Status = Union[FileState, os.stat_result]
#: Device and inode: which file it is.
Identity = tuple[int, int]
identity: Callable[[Status], Identity] = attrgetter("st_dev", "st_ino")
_kept = attrgetter(*FileState._fields)
_state = attrgetter("st_ino", "st_dev", "st_size", "st_mtime_ns", "st_ctime_ns")


def same_file_state(one: Status, other: Status) -> bool:
    return bool(_state(one) == _state(other))


def has_holes(status: os.stat_result) -> bool:
    """Tell whether a copy of a file would take more on the disk: it has holes, or is compressed there."""
    return status.st_blocks * 512 < status.st_size


def read_whole(directory_fd: int, name: str, limit: int) -> tuple[bytes, os.stat_result]:
    """Read a file of at most ``limit`` bytes, by its bare name, and make sure that it held still."""
    try:
        fd = os.open(name, READ_FILE, dir_fd=directory_fd)
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode):
                raise BadFile("not a regular file", kind_of_mode(before.st_mode))
            if before.st_size > limit:
                kind = "holes" if has_holes(before) else "too large"
                raise BadFile(kind, f"{before.st_size} bytes")
            # One byte more than the size shows growth. A large fixed buffer ended in ENOMEM
            # after 100,000 files (docs/facts.md section 2).
            raw = _read(fd, before.st_size + 1)
            after = os.fstat(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise BadFile("unreadable", cause_of(error)) from error
    if len(raw) != before.st_size or not same_file_state(before, after):
        raise BadFile("changed while read", "somebody is writing to it")
    return raw, after


def _read(fd: int, size: int) -> bytes:
    first = os.read(fd, size)
    if len(first) in (0, size - 1):
        return first
    parts = [first]
    missing = size - len(first)
    while missing > 0 and (part := os.read(fd, missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
