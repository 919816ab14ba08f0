"""PM2's dump file: which apps PM2 starts at boot, with their whole environment (secrets too)."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hostswitch.disk import replace_file

NAMES = ("dump.pm2", "dump.pm2.bak")
"""PM2 reads the second one when the first is missing or torn."""

Apps = list[dict[str, Any]]


def read(path: Path) -> Apps:
    """The apps in a dump; none if it is missing or torn (PM2 writes it in place)."""
    try:
        apps = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return []
    return [app for app in apps if isinstance(app, dict)] if isinstance(apps, list) else []


def only(apps: Apps, names: Collection[str]) -> Apps:
    """The apps with these names, as they are."""
    return [app for app in apps if app.get("name") in names]


def merged(current: Apps, before: Apps, names: Collection[str]) -> Apps:
    """The current dump with the named apps as they were before.

    Args:
        current: the dump now; apps of other names stay as they are.
        before: the named apps as they ran before the switch.
        names: the apps of the switch; those that were not there before disappear.
    """
    return [app for app in current if app.get("name") not in names] + only(before, names)


def write(path: Path, apps: Apps, owner: tuple[int, int]) -> None:
    """Replace a dump in one step, readable by its owner alone."""
    replace_file(path, json.dumps(apps, indent=2).encode(), 0o600, owner)


def tighten(pm2_home: Path) -> None:
    """Take group and others off the dumps: PM2 writes them 0644 with secrets in them."""
    for name in NAMES:
        try:
            descriptor = os.open(pm2_home / name, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        try:
            os.fchmod(descriptor, 0o600)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
