"""PM2's dump file: which apps PM2 starts at boot, with their whole environment (secrets too)."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from hostswitch.base.answer import understood
from hostswitch.base.errors import HostError
from hostswitch.base.files import read_regular, replace_by_itself, replace_file, rights_of

NAMES = ("dump.pm2", "dump.pm2.bak")
"""PM2 reads the second one when the first is missing or torn."""

_KEPT = "dump.pm2.before-switch"

_LARGEST = 16 << 20
_OF_THE_RUN = ("instances", "pm_id", "prev_restart_delay")

Apps = list[dict[str, Any]]


class DumpError(HostError):
    """A dump that can't be used."""


def read(path: Path) -> Apps | None:
    """The apps in a dump; None if there is none. Raises DumpError: PM2, which writes in place, tore it."""
    content = read_regular(path, _LARGEST)
    if content is None:
        return None
    try:
        apps = understood(content)
    except ValueError:
        apps = None
    if not isinstance(apps, list) or not all(isinstance(app, dict) for app in apps):
        raise DumpError(
            f"{path} is torn: it is no list of apps. With the apps running as they should, as the "
            f"service's user: pm2 save --force"
        )
    return apps


def surviving(pm2_home: Path) -> Apps:
    """The apps of the first dump that is whole, as PM2 itself looks for them; none if neither is.

    One without apps counts too: the dump before it may name apps that were deleted since.
    """
    return _whole(pm2_home)[1]


def _whole(pm2_home: Path) -> tuple[Path, Apps]:
    for path in (pm2_home / name for name in NAMES):
        try:
            apps = read(path)
        except HostError:
            continue
        if apps is not None:
            return path, apps
    return pm2_home / NAMES[0], []


def only(apps: Apps, names: Collection[str]) -> Apps:
    return [app for app in apps if app.get("name") in names]


def merged(current: Apps, before: Apps, names: Collection[str]) -> Apps:
    """The current dump with the named apps as they were before; those that were not there disappear."""
    return [app for app in current if app.get("name") not in names] + only(before, names)


def entry(environment: Mapping[str, Any]) -> dict[str, Any]:
    """An app of PM2's list as `pm2 save` writes it: without what belongs to this run of it."""
    return {name: value for name, value in environment.items() if name not in _OF_THE_RUN}


def write(path: Path, apps: Apps, owner: tuple[int, int]) -> None:
    replace_file(path, json.dumps(apps, indent=2).encode(), 0o600, owner)


def keep(pm2_home: Path, before: Apps, names: Collection[str], owner: tuple[int, int]) -> None:
    """Try whether the dump can be replaced, by what it holds; lay one for the way back beside it."""
    content = read_regular(pm2_home / NAMES[0], _LARGEST)
    if content is not None:
        replace_by_itself(pm2_home / NAMES[0], content)
    write(pm2_home / _KEPT, merged(surviving(pm2_home), before, names), owner)


def bring_back(
    pm2_home: Path, before: Apps, names: Collection[str], owner: tuple[int, int]
) -> None:
    """Have the dump name the apps as they were before the switch.

    Where there is no space for it, the one that was kept does, without what others were saved as since.
    """
    current = surviving(pm2_home)
    wanted = merged(current, before, names)
    if wanted == current:
        return
    try:
        write(pm2_home / NAMES[0], wanted, owner)
    except OSError:
        os.rename(pm2_home / _KEPT, pm2_home / NAMES[0])


def keep_out(pm2_home: Path, names: Collection[str], owner: tuple[int, int]) -> None:
    """Have no dump name these apps: PM2 starts what one names. Raises OSError: one still does."""
    path, apps = _whole(pm2_home)
    left = merged(apps, [], names)
    try:
        write(pm2_home / NAMES[0], left, owner)
    except OSError:
        if left != apps:
            _overwrite(path, json.dumps(left).encode(), owner)
        return
    (pm2_home / NAMES[1]).unlink(missing_ok=True)


def _overwrite(path: Path, content: bytes, owner: tuple[int, int]) -> None:
    """Write over the bytes that are there, which takes no space."""
    with rights_of(owner):  # A link may lie there by now.
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "wb") as file:
        file.write(content.ljust(os.fstat(descriptor).st_size))
        file.flush()
        os.fsync(descriptor)


def forget_kept(pm2_home: Path) -> None:
    (pm2_home / _KEPT).unlink(missing_ok=True)
