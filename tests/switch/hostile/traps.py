"""What a service's user plants where root will read: links, devices, pipes, endless files, deep trees."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from .host import ROOTS, UID, HostileHost


def link(path: Path) -> None:
    """To a file that root alone can read."""
    path.symlink_to(f"{ROOTS}/secret")


def endless(path: Path) -> None:
    """To what is never read to its end."""
    path.symlink_to("/dev/zero")


def fifo(path: Path) -> None:
    """Which nobody writes to."""
    os.mkfifo(path)
    os.chown(path, UID, UID)


def device(path: Path) -> None:
    """To a device of root's."""
    path.symlink_to(f"{ROOTS}/device")


def huge(path: Path) -> None:
    """10 GB, which take no room."""
    with path.open("wb") as file:
        file.truncate(10 << 30)
    os.chown(path, UID, UID)


KINDS = (link, endless, fifo, device, huge)


def plant(paths: Iterable[Path], turn: int) -> None:
    """Put something in the place of each file; each gets every kind, and none, in some turn."""
    for number, path in enumerate(paths):
        kind = (number + turn) % (len(KINDS) + 1)
        if kind < len(KINDS):
            path.unlink()
            KINDS[kind](path)


def lead_away(host: HostileHost, turn: int, turns: int) -> None:
    """Put links to root's directories, which hold the same, in the place of directories."""
    for number, path in enumerate(host.directories()):
        if number % turns == turn and path.is_dir() and not path.is_symlink():
            if any(parent.is_symlink() for parent in path.parents):
                continue
            away = host.roots / f"d{number}"
            shutil.copytree(path, away, symlinks=True)
            away.chmod(0o700)
            shutil.rmtree(path)
            path.symlink_to(f"{ROOTS}/{away.name}")


def dig(place: Path, levels: int) -> None:
    """Make directories in one another, all of the user's."""
    above = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(levels):
        name = b"\xff"
        os.mkdir(name, dir_fd=above)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=above)
        os.fchown(below, UID, UID)
        os.close(above)
        above = below
    os.close(above)
