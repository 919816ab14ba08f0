"""What this host shows about itself, without a plan and without touching PM2."""

from __future__ import annotations

import os
from typing import Any

from hostswitch import aside, journal, swap
from hostswitch.history import History
from hostswitch.places import Places
from hostswitch.recovery import decide
from hostswitch.revision import revision_of


def show(places: Places, app_dir: str, lines: int) -> dict[str, Any]:
    """The host's state as plain data.

    Args:
        places: where journal and history are.
        app_dir: the application directory.
        lines: how many lines of history.

    Returns:
        `current`, `revision`, `open` (the open switch or None), `set_aside` (with the date of
        the switch that did it), `history`.
    """
    history = History(places.history).lines()
    target = swap.current_target(app_dir)
    directory = app_dir if target is None else os.path.normpath(os.path.join(app_dir, target))
    return {
        "current": target,
        "revision": revision_of(directory),
        "open": _open(places),
        "set_aside": _set_aside(app_dir, history),
        "history": history[-lines:] if lines > 0 else [],
    }


def _open(places: Places) -> dict[str, Any] | None:
    entries = journal.read(places.journal)
    if not entries:
        return None
    recovery = decide(entries)
    return {
        "rollout_id": entries[0].data.get("rollout_id"),
        "row": recovery.row,
        "last": entries[-1].instant,
        "next": recovery.action.value,
        "why": recovery.why,
    }


def _set_aside(app_dir: str, history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    dates = {
        line.get("rollout_id"): line.get("at") for line in history if line.get("event") == "switch"
    }
    return [
        {"name": name, "set_aside_by": rollout_id, "since": dates.get(rollout_id)}
        for rollout_id, names in aside.kept(app_dir).items()
        for name in names
    ]
