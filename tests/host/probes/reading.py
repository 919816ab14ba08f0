"""How every probe reads a file: whatever lies there, it neither hangs nor takes more than a limit.

Links to files are followed: a probe reads with the rights of whoever owns the place that it looks at.
Directories, which root walks too, are opened below one another and never by a link.
"""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

LARGEST = 16 << 20
# Each level takes a descriptor, and a call within a call.
DEEPEST = 64


def opened(path: str | Path) -> BinaryIO:
    """A regular file, open. Raises OSError: it is none (a FIFO, a device), missing, or may not be read."""
    file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb")  # noqa: SIM115, PTH123
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(f"{path} is no regular file")


def read(path: str | Path, largest: int = LARGEST) -> bytes:
    """All of a regular file. Raises OSError: as `opened`, or it is larger than it can sensibly be."""
    with opened(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(f"{path} is larger than {largest >> 20} MiB")
    return content


def walk(
    name: str,
    passed_over: Collection[str] = (),
    above: str = "",
    parent: int | None = None,
    level: int = 0,
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Each directory below one, itself first, with what is in it; one that goes meanwhile is left out.

    Raises OSError: the directories go down too far, or one can't be opened.

    Args:
        passed_over: names of directories that are not looked into.
        above: the path of the directory that this one is in, for the walk itself.
        parent: its descriptor.
        level: how far down this one is.
    """
    path = f"{above}{name}"
    if level > DEEPEST:
        raise OSError(
            f"{path[:200]!r} lies more than {DEEPEST} levels down, and is not looked into"
        )
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        opened = os.open(name, flags, dir_fd=parent)
    except FileNotFoundError:
        return
    try:
        with os.scandir(opened) as found:
            entries = list(found)
        yield path, entries
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and entry.name not in passed_over:
                yield from walk(entry.name, passed_over, f"{path}/", opened, level + 1)
    finally:
        os.close(opened)
