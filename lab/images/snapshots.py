"""Snapshots: what the hosts' disks hold at a moment, kept as layers that later disks stand on.

They are keyed by whatever made them, so a snapshot outlives the checkout that took it and serves
any other checkout on the machine with the same content.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.checkout.locks import flocked
from lab.images import cache
from lab.machine import boot, disks
from lab.place import LabError, Place

_META = "snapshot.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def check_name(name: str) -> None:
    """A snapshot's name is part of a directory's.

    Raises:
        LabError: it has other characters than lower-case letters, digits and dashes.
    """
    if not _NAME.fullmatch(name):
        raise LabError(
            f"a snapshot's name is of lower-case letters, digits and dashes, not {name!r}"
        )


def directory(place: Place, name: str, key: str, stacks: Mapping[str, Sequence[Path]]) -> Path:
    """Where a snapshot lies: by its name, its key, and what the hosts stood on before.

    Args:
        name: what people call it.
        key: a hash of everything that made it.
        stacks: layers of each host at the bottom of it, top first.
    """
    made_of = json.dumps([key, {host: list(map(str, stacks[host])) for host in sorted(stacks)}])
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    return place.cache / "snapshots" / f"{name}-{digest}"


def stacks_of(snapshot: Path) -> dict[str, list[Path]] | None:
    """The layers each host stands on in a snapshot, or None if it does not exist (any more)."""
    try:
        recorded = json.loads((snapshot / _META).read_text())
    except FileNotFoundError:
        return None
    stacks = {host: [Path(layer) for layer in layers] for host, layers in recorded.items()}
    intact = all(layer.is_dir() for layers in stacks.values() for layer in layers)
    return stacks if intact else None


def save(
    place: Place, snapshot: Path, stacks: Mapping[str, Sequence[Path]]
) -> dict[str, list[Path]]:
    """Turn the writes of the hosts' disks, which are off, into layers.

    Returns:
        the hosts' new stacks.
    """
    new = {host: [snapshot / host, *layers] for host, layers in stacks.items()}
    with flocked(place.cache / "lock", "another lab command writes to the cache"):
        work = place.cache / "building" / f"snapshot-{uuid.uuid4().hex[:8]}"
        work.mkdir(parents=True)
        for host in stacks:
            # Cut short from here on, the next `up` must not boot half of the hosts on disks that
            # have already been moved away; without a stack it boots them all clean.
            (place.host_dir(host) / "stack.json").unlink()
        for host in stacks:
            _take(place.host_dir(host), work / host)
        _publish(work, snapshot, new)
        cache.prune(place)
    return new


def _take(disk: Path, target: Path) -> None:
    disks.unmount(disk / "root")
    _move(disk / "upper", target)
    disks.strip(target, boot.STRIPPED)


def _publish(work: Path, snapshot: Path, new: Mapping[str, Sequence[Path]]) -> None:
    recorded = {host: [str(layer) for layer in layers] for host, layers in new.items()}
    (work / _META).write_text(json.dumps(recorded, indent=1))
    snapshot.parent.mkdir(exist_ok=True)
    if snapshot.exists():
        shutil.rmtree(snapshot)
    work.rename(snapshot)


def _move(source: Path, target: Path) -> None:
    if os.stat(source).st_dev == os.stat(target.parent).st_dev:
        source.rename(target)
    else:
        # cp keeps what shutil does not: the overlay's own attributes and whiteout devices.
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def latest(place: Place, name: str) -> Path:
    """The newest snapshot of a name, whatever its key.

    Raises:
        LabError: there is none.
    """
    found = [path.parent for path in (place.cache / "snapshots").glob(f"{name}-*/{_META}")]
    if not found:
        raise LabError(f"there is no snapshot {name!r}; `python -m lab snapshot {name}` takes one")
    return max(found, key=lambda path: (path / _META).stat().st_mtime)
