"""What tells whether a file is still the one that was seen, and as it was seen."""

from __future__ import annotations

import os
from operator import attrgetter
from typing import NamedTuple, Union


class FileState(NamedTuple):
    """What is kept of a file's status: a third of the memory that all of it takes.

    Attributes:
        st_mode: as those of ``os.stat_result`` of the same names, like all others.
        st_ino: inode.
        st_dev: device.
        st_nlink: names that it has.
        st_uid: owner.
        st_gid: group.
        st_size: in bytes.
        st_mtime_ns: last change of the contents.
        st_ctime_ns: last change of anything.
        st_blocks: of 512 bytes, on the disk.
    """

    st_mode: int
    st_ino: int
    st_dev: int
    st_nlink: int
    st_uid: int
    st_gid: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int
    st_blocks: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """Keep what is needed of a status."""
        return cls._make(_kept(status))


_kept = attrgetter(*FileState._fields)
Status = Union[FileState, os.stat_result]


def same_file_state(one: Status, other: Status) -> bool:
    """Tell whether two statuses are of the same file in the same state.

    Returns:
        True when inode, device, size, and both change times agree.
    """
    return (
        one.st_ino == other.st_ino
        and one.st_dev == other.st_dev
        and one.st_size == other.st_size
        and one.st_mtime_ns == other.st_mtime_ns
        and one.st_ctime_ns == other.st_ctime_ns
    )
