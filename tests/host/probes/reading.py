"""How every probe reads a file: whatever lies there, it neither hangs nor takes more than a limit.

Links are followed: a probe runs with the rights of whoever owns the place that it looks at.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

LARGEST = 16 << 20


def opened(path: str | Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        OSError: it is something else (a FIFO, a device), is missing, or may not be read.
    """
    file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb")  # noqa: SIM115, PTH123
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(f"{path} is no regular file")


def read(path: str | Path, largest: int = LARGEST) -> bytes:
    """All of a regular file.

    Raises:
        OSError: as for `opened`, or it is larger than it can sensibly be.
    """
    with opened(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(f"{path} is larger than {largest >> 20} MiB")
    return content
