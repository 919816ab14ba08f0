"""A host's disk: an overlay of read-only layers and one directory that takes the writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from lab.machine import boot
from lab.place import Files, Place
from lab.tools import run


def mount_points() -> list[Path]:
    """Every mount point of this machine, the latest last."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [Path(line.split(" ")[4]) for line in lines]


def layers_mounted() -> set[Path]:
    """Every layer that some mounted disk stands on, whichever lab's it is."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    lower = [re.search(r"lowerdir=([^,]*)", line) for line in mounts if " overlay " in line]
    return {Path(layer) for found in lower if found for layer in found[1].split(":")}


def mount(layers: Sequence[Path], disk: Path) -> Path:
    """Mount a disk at ``disk``/root, made if it is new; a mounted one is left as it is."""
    root = disk / "root"
    for directory in (disk / "upper", disk / "work", root):
        directory.mkdir(parents=True, exist_ok=True)
    if root not in mount_points():
        options = boot.overlay_options(layers, disk)
        run(["mount", "-t", "overlay", "-o", options, "overlay", root])
    return root


def unmount(directory: Path) -> None:
    """Take off whatever is mounted at a directory or below it, however often."""
    while points := [point for point in mount_points() if point.is_relative_to(directory)]:
        # Lazy: a shell that stands in there must not keep the lab from ending.
        run(["umount", "-l", points[-1]])


def discard(place: Place, directory: Path) -> None:
    """Put a directory out of the way at once; ``empty_trash`` deletes it when there is time."""
    if directory.exists():
        trash = place.state / "trash"
        trash.mkdir(parents=True, exist_ok=True)
        directory.rename(trash / uuid.uuid4().hex)


def empty_trash(place: Place) -> None:
    """Delete what was discarded."""
    shutil.rmtree(place.state / "trash", ignore_errors=True)


def put(root: Path, files: Files) -> None:
    """Write files on a mounted disk (not through symbolic links that the host may have made)."""
    for name, wanted in files.items():
        path = root / name
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, mode=0o700 if wanted.uid else 0o755)
            os.chown(path.parent, wanted.uid, wanted.gid)
        path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(wanted.content)
            os.fchown(descriptor, wanted.uid, wanted.gid)
            os.fchmod(descriptor, wanted.mode)


def strip(upper: Path, names: Sequence[str]) -> None:
    """Take files out of a directory that is about to become a layer."""
    for name in names:
        (upper / name).unlink(missing_ok=True)


def stack(disk: Path) -> list[Path] | None:
    """The layers a disk stands on, top first; None for a disk that was never made."""
    try:
        return [Path(layer) for layer in json.loads((disk / "stack.json").read_text())]
    except FileNotFoundError:
        return None


def record_stack(disk: Path, layers: Sequence[Path]) -> None:
    """Write down the layers of a disk, before it is used."""
    disk.mkdir(parents=True, exist_ok=True)
    draft = disk / "stack.json.new"
    draft.write_text(json.dumps([str(layer) for layer in layers]))
    draft.rename(disk / "stack.json")
