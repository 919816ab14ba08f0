"""What tells whether a file is still the one that was seen, and as it was seen."""

from __future__ import annotations

import os
from operator import attrgetter
from typing import NamedTuple, Union


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


_kept = attrgetter(*FileState._fields)
Status = Union[FileState, os.stat_result]


def same_file_state(one: Status, other: Status) -> bool:
    return (
        one.st_ino == other.st_ino
        and one.st_dev == other.st_dev
        and one.st_size == other.st_size
        and one.st_mtime_ns == other.st_mtime_ns
        and one.st_ctime_ns == other.st_ctime_ns
    )
