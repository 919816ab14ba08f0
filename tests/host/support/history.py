"""The host's own record of what was done to it: evidence of what was recorded, not of what is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .declared import STATE

Line = dict[str, Any]
FILE = STATE / "history.jsonl"


def lines_of(text: str) -> list[Line]:
    """The lines of a history; one that a power cut tore is passed over."""
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in found if isinstance(line, dict)]


@dataclass(frozen=True)
class Removal:
    """Whether what a rollout set aside should be gone by now."""

    due: bool
    why: str


def removal(lines: Sequence[Line], rollout_id: str, days: int, now: datetime) -> Removal:
    """Judge by the record when what a rollout set aside is due for removal.

    It is due a number of days after a healthy switch, and only if the latest switch was verified
    since (docs/session-data.md): so it waits while this very verification is still to be made.

    Args:
        lines: the host's history, oldest first.
        days: the declared ``remove_after_days``.
        now: the time, with its zone.
    """
    switches = [line for line in lines if line.get("event") == "switch"]
    own = [line for line in switches if line.get("rollout_id") == rollout_id]
    if not own:
        return Removal(False, f"the host has no record of the rollout {rollout_id}")
    since = switches[switches.index(own[0]) :]
    healthy = [line for line in since if line.get("outcome") == "switched"]
    if not healthy or switches[-1].get("outcome") != "switched":
        return Removal(False, "it waits for a healthy switch")
    due = datetime.fromisoformat(str(healthy[0]["at"])).astimezone(UTC) + timedelta(days=days)
    if now < due:
        return Removal(False, f"removal due {due:%Y-%m-%d}")
    tokens = [
        line for line in lines[lines.index(switches[-1]) :] if line.get("event") == "verified"
    ]
    if not tokens or tokens[-1].get("verified") is not True:
        return Removal(False, "it waits for a verification without failures")
    return Removal(True, f"due since {due:%Y-%m-%d %H:%M} UTC")


def archived(lines: Sequence[Line]) -> list[Line]:
    """Every archive on record: name, paths and hash."""
    return [
        archive
        for line in lines
        if line.get("event") == "archived"
        for archive in line.get("archives", [])
    ]


def removed_names(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """Every removed directory on record: the rollout that set it aside, and its name."""
    return [
        (str(one.get("set_aside_by")), str(one.get("name")))
        for line in lines
        if line.get("event") == "removed"
        for one in line.get("directories", [])
    ]
