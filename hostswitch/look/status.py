"""What this host shows about itself, without a plan and without touching PM2."""

from __future__ import annotations

import os
import time
from typing import Any

from hostswitch.base.files import owner_of
from hostswitch.base.places import Places
from hostswitch.decide.due import judge
from hostswitch.decide.recovery import decide
from hostswitch.description.description import Names
from hostswitch.description.names import companies_of
from hostswitch.directories import aside
from hostswitch.record import journal
from hostswitch.record.history import DAILY_CHECK, History
from hostswitch.service import pointers
from hostswitch.service.pointers import revision_of


def show(
    places: Places,
    app_dir: str,
    lines: int,
    remove_after_days: float | None,
    companies_in: str | None,
) -> dict[str, Any]:
    """The host's state as plain data; `open` is the open switch, `history` without daily checks.

    Removal is told where it is known for how long directories stay. `companies_in` is the variable of the
    .env that names the companies.
    """
    history = History(places.history).lines()
    checks = [line for line in history if line.get("event") == DAILY_CHECK]
    others = [line for line in history if line.get("event") != DAILY_CHECK]
    live = pointers.settings(os.path.join(app_dir, ".env"))
    return {
        "current": pointers.current_target(app_dir),
        "revision": revision_of(pointers.current_directory(app_dir) or app_dir, owner_of(app_dir)),
        "companies": companies_of(Names(companies=companies_in), live or {}),
        "open": _open(places),
        "set_aside": _set_aside(app_dir, history, remove_after_days),
        "daily_check": checks[-1] if checks else None,
        "history": others[-lines:] if lines > 0 else [],
    }


def _open(places: Places) -> dict[str, Any] | None:
    try:
        entries = journal.read(places.journal)
    except journal.JournalError as error:
        return {"rollout_id": "not known", "row": "", "last": "", "next": str(error), "why": ""}
    if not entries:
        return None
    recovery = decide(entries)
    after = {"row": recovery.row, "next": recovery.action.value, "why": recovery.why}
    return {"rollout_id": entries[0].data.get("rollout_id"), "last": entries[-1].instant, **after}


def _set_aside(
    app_dir: str, history: list[dict[str, Any]], days: float | None
) -> list[dict[str, Any]]:
    dates = {
        line.get("rollout_id"): line.get("at") for line in history if line.get("event") == "switch"
    }
    return [
        {
            "name": name,
            "set_aside_by": rollout_id,
            "since": dates.get(rollout_id),
            "removal": None if days is None else _removal(history, rollout_id, days),
        }
        for rollout_id, names in aside.listed(app_dir).items()
        for name in names
    ]


def _removal(history: list[dict[str, Any]], rollout_id: str, days: float) -> str:
    """When a directory will be removed: only a rollout's own verification can make it due."""
    removal = judge(history, rollout_id, days, time.time(), current="")
    return "removal due with the next rollout" if removal.unverified else removal.why
