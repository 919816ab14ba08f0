"""Copies of live directories, made before the stop: what a torn file is mended from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hostswitch.disk import sync_file_system
from hostswitch.errors import HostError
from sessionstore.descriptors import open_beneath, open_directory

_PIECE = 1 << 20


def directory(copies: Path, rollout_id: str, name: str) -> Path:
    """Where a live directory's copy lies."""
    return copies / rollout_id / name


def make(source: str, copy: Path) -> int:
    """Copy a tree of regular files; owners are not kept, the copy is root's alone.

    Args:
        source: the live directory; no symlink in it is followed.
        copy: does not exist yet.

    Returns:
        Bytes copied, all of them on the disk.

    Raises:
        HostError: a file vanished or is not a regular one.
    """
    shutil.rmtree(copy, ignore_errors=True)
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = open_directory(source)
    try:
        copied = _copy_into(descriptor, copy)
    finally:
        os.close(descriptor)
    target = open_directory(str(copy.parent))
    try:
        sync_file_system(target)
    finally:
        os.close(target)
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
            child = open_beneath(source, entry.name)
            try:
                copied += _copy_into(child, target / entry.name)
            finally:
                os.close(child)
        elif entry.is_file(follow_symlinks=False):
            copied += _copy_file(source, entry.name, target / entry.name)
        else:
            raise HostError(f"{target.name}/{entry.name} is no regular file; it is not copied")
    return copied


def _copy_file(directory: int, name: str, target: Path) -> int:
    try:
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except FileNotFoundError:
        return 0  # Baileys consumed the key since the listing.
    with open(source, "rb") as reading, open(target, "xb") as writing:
        os.fchmod(writing.fileno(), 0o600)
        shutil.copyfileobj(reading, writing, _PIECE)
        return writing.tell()
