"""Companies that wait for their first pairing: no session of theirs is anywhere. Pure.

A service that finds no credentials makes a new identity (docs/facts.md section 2). That is right for a
server on which nothing ever ran, and a lost customer for every other one. So nobody declares it: who
may wait follows from what was seen here, what the history says, and what the database has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hostswitch.decide.seen import NOTHING, InDatabase, Seen, with_files
from hostswitch.description.claims import CREDENTIALS
from hostswitch.plan import Plan
from hostswitch.record.history import Line

PAIRED = "paired"
"""The history's event of companies that were seen with credentials for the first time."""


def waiting(plan: Plan, seen: Seen) -> frozenset[str]:
    """The declared companies that may start without credentials: no files of theirs, and no rows.

    On a host on which a version ever ran only those that the last switch left waiting.
    """
    may = set(plan.companies if seen.unused else seen.awaited) - with_files(seen)
    return nowhere(may.intersection(plan.companies), seen.database or {})


def nowhere(companies: Iterable[str], database: Mapping[str, InDatabase]) -> frozenset[str]:
    """Those of which the database has nothing and records no import."""
    return frozenset(c for c in companies if database.get(c) == NOTHING)


def left_waiting(history: Sequence[Line]) -> frozenset[str]:
    """The companies that the last finished switch left waiting and that are not on record as paired."""
    finished = finished_switches(history)
    left = frozenset(finished[-1].get("awaiting_pairing", ())) if finished else frozenset()
    return left.difference(
        *(line.get("companies", ()) for line in history if line.get("event") == PAIRED)
    )


def paired(
    left: frozenset[str],
    shown: Mapping[str, Mapping[str, Any]],
    database: Mapping[str, InDatabase],
) -> frozenset[str]:
    """Those of the companies left waiting that have credentials, as the service shows or the database."""
    in_service = {c for c, one in shown.items() if one.get(CREDENTIALS) is True}
    return left & (in_service | {c for c, state in database.items() if state.credentials})


def finished_switches(history: Sequence[Line]) -> list[Line]:
    """The switches on record after which the new version ran."""
    return [
        line
        for line in history
        if line.get("event") == "switch" and line.get("outcome") == "switched"
    ]
