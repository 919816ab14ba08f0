"""Keeping the cache of images and snapshots from growing without end."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from lab.machine import disks
from lab.place import Place

KEPT_SNAPSHOTS = 3  # of each name
KEPT_SECONDS = 30 * 86400.0  # images that nothing stands on


def prune(place: Place) -> None:
    """Delete old snapshots, and old images that no snapshot and no disk stands on.

    The caller holds the cache's lock.
    """
    used = disks.layers_mounted() | _recorded((place.state / "hosts").glob("*/stack.json"))
    snapshots = [path.parent for path in (place.cache / "snapshots").glob("*/snapshot.json")]
    for snapshot in superfluous(snapshots):
        if not any(layer.is_relative_to(snapshot) for layer in used):
            shutil.rmtree(snapshot)
    used |= _recorded((place.cache / "snapshots").glob("*/snapshot.json"))
    for image in (place.cache / "layers").glob("*"):
        old = image.stat().st_mtime < time.time() - KEPT_SECONDS
        if old and image / "fs" not in used:
            shutil.rmtree(image)


def superfluous(snapshots: Iterable[Path]) -> list[Path]:
    """All but the newest few of each name; a directory is called ``name-key``."""
    by_name: dict[str, list[Path]] = {}
    for snapshot in sorted(snapshots, key=lambda path: path.stat().st_mtime, reverse=True):
        by_name.setdefault(snapshot.name.rpartition("-")[0], []).append(snapshot)
    return [old for kept in by_name.values() for old in kept[KEPT_SNAPSHOTS:]]


def _recorded(files: Iterable[Path]) -> set[Path]:
    """Every layer named in records of disks (a list) and of snapshots (a list for each host)."""
    layers: set[Path] = set()
    for file in files:
        recorded = json.loads(file.read_text())
        stacks = recorded.values() if isinstance(recorded, dict) else [recorded]
        layers |= {Path(layer) for stack in stacks for layer in stack}
    return layers
