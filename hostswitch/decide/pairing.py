"""Companies that wait for their first pairing: no session of theirs is anywhere. Pure.

A service that finds no credentials makes a new identity (docs/facts.md section 2). That is right for a
server on which nothing ever ran, and a lost customer for every other one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hostswitch.record.history import Line

PAIRED = "paired"
"""The history's event of companies that were seen with credentials for the first time."""


def waiting(
    companies: Sequence[str],
    *,
    unused: bool,
    awaited: Collection[str],
    with_files: Collection[str],
    absent: Collection[str],
) -> frozenset[str]:
    """The declared companies that may start without credentials.

    Args:
        unused: whether no version of the service ever ran on this host.
        awaited: those that the last switch left waiting.
        with_files: those of which a live directory has files.
        absent: those of which the database has nothing and records no import.
    """
    may = set(companies) if unused else set(awaited)
    return frozenset(c for c in companies if c in may and c in absent and c not in with_files)


def left_waiting(history: Sequence[Line]) -> frozenset[str]:
    """The companies that the last finished switch left waiting and that are not on record as paired."""
    finished = finished_switches(history)
    left = frozenset(finished[-1].get("awaiting_pairing", ())) if finished else frozenset()
    return left.difference(
        *(line.get("companies", ()) for line in history if line.get("event") == PAIRED)
    )


def finished_switches(history: Sequence[Line]) -> list[Line]:
    """The switches on record after which the new version ran."""
    return [
        line
        for line in history
        if line.get("event") == "switch" and line.get("outcome") == "switched"
    ]
