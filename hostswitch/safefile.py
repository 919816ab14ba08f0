"""Reads files that the service's user can replace: a link or a FIFO there can't mislead or hang root."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from hostswitch.errors import HostError


class UnsafeFileError(HostError):
    """What lies there is no file that is read: a link, a device, a FIFO, or far too large."""


def open_regular(path: str | Path) -> BinaryIO | None:
    """Open a regular file for reading; None if there is nothing.

    Raises:
        UnsafeFileError: it is something else, or may not be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnsafeFileError(
            f"{path} can't be read: {error.strerror}. See: ls -l {path}"
        ) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnsafeFileError(f"{path} is no regular file. See: ls -l {path}")
    return open(descriptor, "rb")


def read_regular(path: str | Path, limit: int) -> bytes | None:
    """All bytes of a regular file; None if there is nothing.

    Args:
        path: a symlink as its last part is not followed.
        limit: the largest size in bytes that such a file can sensibly have.

    Raises:
        UnsafeFileError: it is something else, may not be read, or is larger.
    """
    file = open_regular(path)
    if file is None:
        return None
    with file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise UnsafeFileError(f"{path} is larger than {limit >> 20} MiB. See: ls -l {path}")
    return content
