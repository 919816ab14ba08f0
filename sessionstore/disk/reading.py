"""A whole file, read from a descriptor: regular, of a bounded size, unchanged meanwhile."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from sessionstore.disk.opening import READ_FILE, kind_of_mode
from sessionstore.disk.state import same_file_state
from sessionstore.errors import BadFile, cause_of


class FileContent(NamedTuple):
    raw: bytes
    status: os.stat_result


def has_holes(status: os.stat_result) -> bool:
    """Tell whether a copy of a file would take more on the disk: it has holes, or is compressed there."""
    return status.st_blocks * 512 < status.st_size


def read_whole(directory_fd: int, name: str, limit: int) -> FileContent:
    """Read a file of at most ``limit`` bytes, by its bare name, and make sure that it held still."""
    try:
        fd = os.open(name, READ_FILE, dir_fd=directory_fd)
    except OSError as error:
        raise BadFile("unreadable", cause_of(error)) from error
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
    except OSError as error:
        raise BadFile("unreadable", cause_of(error)) from error
    finally:
        os.close(fd)
    if len(raw) != before.st_size or not same_file_state(before, after):
        raise BadFile("changed while read", "somebody is writing to it")
    return FileContent(raw, after)


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
