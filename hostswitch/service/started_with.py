"""What the .env said when the last switch started the service: no secrets, only the plan's flags.

A later edit of the file does not reach the process; with this note it can be told what did.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hostswitch.base import clock
from hostswitch.base.places import Places
from hostswitch.host import Host
from hostswitch.service import pointers

_WINDOW = 10.0
"""Seconds after the note in which PM2 has started the process that it is about."""


def note(host: Host) -> None:
    """Note the live file's flags, right before the service is started."""
    values = pointers.settings(host.plan.env_live) or {}
    flags = {name: values[name] for name in host.plan.flags if name in values}
    line = {"at": time.time(), "boot": clock.boot_id(), "flags": flags}
    # Not for another boot, so nothing waits for the disk: the service is down meanwhile. Nor for
    # room: it starts without a note too.
    temporary = host.places.started.with_suffix(".new")
    try:
        temporary.write_text(json.dumps(line))
        temporary.replace(host.places.started)
    except OSError:
        _remove(temporary)
        forget(host)


def forget(host: Host) -> None:
    """What runs from now on was not started by the switch that noted this."""
    _remove(host.places.started)


def changed(env: str) -> float:
    """When the file was last written, renamed or given away: no copy of an older time hides that."""
    try:
        return os.stat(env).st_ctime
    except OSError:
        return 0.0


def _remove(note: Path) -> None:
    # Where the disk takes nothing more, its time still tells that it is about another process.
    with suppress(OSError):
        note.unlink()


def noted_or_planned(host: Host) -> Mapping[str, str]:
    """The flags of the service's last start: a toggle may be younger than the plan at hand."""
    noted = _noted(host.places).get("flags", {})
    return {name: noted.get(name, value) for name, value in host.plan.flags.items()}


def flags_of(places: Places, began: float) -> Mapping[str, str] | None:
    """The flags that a process read from the file when it began; None where no note is about it."""
    line = _noted(places)
    same = line.get("boot") == clock.boot_id() and 0 <= began - line["at"] + 0.05 <= _WINDOW
    return line["flags"] if same else None


def _noted(places: Places) -> dict[str, Any]:
    try:
        line = json.loads(places.started.read_bytes())
        return {"at": float(line["at"]), "boot": line["boot"], "flags": dict(line["flags"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
