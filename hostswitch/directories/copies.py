"""Copies of live directories, made before the stop: what a torn file is mended from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hostswitch.base.errors import HostError
from hostswitch.base.files import sync_file_system
from sessionstore.disk.opening import closing, open_beneath, open_directory, open_regular
from sessionstore.disk.reading import has_holes
from sessionstore.keys.values import LARGEST_FILE

_PIECE = 1 << 20


def make(source: str, copy: Path) -> int:
    """Copy a tree of regular files on to the disk, for root alone; its bytes. No symlink is followed."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(open_directory(source)) as descriptor:
        copied = _copy_into(descriptor, copy)
    with closing(open_directory(str(copy.parent))) as target:
        sync_file_system(target)
    return copied


def forget(copies: Path, rollout_id: str) -> None:
    """Remove a rollout's copies: they hold credentials."""
    shutil.rmtree(copies / rollout_id, ignore_errors=True)


def _copy_into(source: int, target: Path) -> int:
    target.mkdir(mode=0o700)
    copied = 0
    with os.scandir(source) as found:
        entries = list(found)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            with closing(open_beneath(source, entry.name)) as child:
                copied += _copy_into(child, target / entry.name)
        elif entry.is_file(follow_symlinks=False):
            copied += _copy_file(source, entry.name, target / entry.name)
        else:
            raise HostError(f"{target.name}/{entry.name} is no regular file; it is not copied")
    return copied


def _copy_file(directory: int, name: str, target: Path) -> int:
    try:
        source = open_regular(name, directory)
    except FileNotFoundError:
        return 0  # Baileys consumed the key since the listing.
    with open(source, "rb") as reading, open(target, "xb") as writing:
        status = os.fstat(source)
        # The scan was before, and said so already.
        if status.st_size > LARGEST_FILE and has_holes(status):
            raise HostError(f"{target.parent.name}/{name} is all holes; it is not copied")
        os.fchmod(writing.fileno(), 0o600)
        # As much as it has now: somebody may write to it without an end.
        for left in range(status.st_size, 0, -_PIECE):
            writing.write(reading.read(min(left, _PIECE)))
        return writing.tell()
