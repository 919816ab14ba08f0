"""Ends a switch: its record goes into the history, its traces go away; raises the alarm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hostswitch.base import clock
from hostswitch.base.output import told
from hostswitch.base.places import Places
from hostswitch.directories import aside, copies
from hostswitch.host import Host
from hostswitch.record import journal
from hostswitch.record.history import History
from hostswitch.record.journal import Journal
from hostswitch.switch import undoable
from hostswitch.switch.opened import Facts, Switch
from hostswitch.switch.report import record


def close(
    switch: Switch, outcome: str, *, why: str | None = None, down: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write the record, then remove what an open switch keeps; the record as it stands in the history."""
    line = {
        "event": "switch",
        "at": clock.now_text(),
        "outcome": outcome,
        **record(switch.host, switch.facts, switch.journal.entries, outcome),
        **(down or {}),
        **({} if why is None else {"why": told(why)}),
    }
    switch.journal.mark(journal.CLOSED, "done", line=line)
    finish(switch.host, switch.facts, switch.journal)
    return line


def finish(host: Host, facts: Facts, log: Journal) -> None:
    """Everything after the last journal line; repeated by the next run if it is cut off."""
    undoable.forget(host, facts)
    if facts.aside:
        aside.drop_empty(host.plan.app_dir, facts.rollout_id)
    finish_without_plan(host.places, facts, log)


def finish_without_plan(places: Places, facts: Facts, log: Journal) -> None:
    """The part of `finish` that needs no plan, whose file goes in the middle of it."""
    closed = log.last(journal.CLOSED, "done")
    if closed is not None:
        History(places.history).add_once(dict(closed.data["line"]))
    copies.forget(places.copies, facts.rollout_id)
    sweep(places)
    log.remove()


def sweep(places: Places) -> None:
    """Remove what only an open switch needs beside its journal: all of it holds secrets."""
    places.dump_before.unlink(missing_ok=True)
    places.env_before.unlink(missing_ok=True)
    places.plan.unlink(missing_ok=True)
