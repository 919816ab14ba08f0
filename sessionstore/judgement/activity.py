"""What the service does with a directory while that is decided about, and what it forbids. Pure.

What it runs on is declared, or seen by whoever knows its process manager; who holds files is what
:mod:`sessionstore.disk.holders` saw. Both are evidence of one moment: whoever deletes looks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sessionstore.disk.holders import Holder

FILES, DATABASE, STOPPED, UNKNOWN = "files", "database", "stopped", "unknown"
#: What may be declared of it.
DECLARABLE = (FILES, DATABASE, STOPPED)

_RUNS: Mapping[str, str] = {
    FILES: "it runs on files, as was declared",
    DATABASE: "it runs on the database, as was declared",
    STOPPED: "it is stopped, as was declared",
    UNKNOWN: 'what it runs on was not declared ("service" in the plan)',
}


@dataclass(frozen=True)
class Activity:
    #: FILES or DATABASE, as what it runs on or would from its next start; STOPPED; or UNKNOWN
    service: str = UNKNOWN
    holders: tuple[Holder, ...] = ()  # processes that hold the directory or something in it
    #: how many processes, at least, can't be looked into: they may hold something too
    unseen: int = 0


#: Of a caller that can't tell, or for whom it says nothing.
NOT_KNOWN = Activity()


class Obstacle(NamedTuple):
    reason: str  # what it is, in words
    ended_by: str  # what would end it, in words that follow "what would change it"


def obstacles(activity: Activity, *, live: bool) -> tuple[Obstacle, ...]:
    """All that forbids a removal for now; at what is not ``live`` only a process that holds it does."""
    found = [
        Obstacle(f"{one.named} holds it: {one.how}", f"{one.named} ending, or letting go of it")
        for one in activity.holders
    ]
    if live and activity.service == UNKNOWN:
        reason = 'what the service runs on is not known ("service" in the plan): it may be on these'
        found.append(Obstacle(reason, 'saying so: "service": "database", or "stopped"'))
    if live and activity.service == FILES:
        reason = "the service runs on files, or would from its next start: it may be on these"
        found.append(Obstacle(reason, "the service moving to the database first"))
    return tuple(found)


def evidence(activity: Activity) -> tuple[str, ...]:
    """What is known of the service, in words; no process by name: obstacles are named."""
    count = len(activity.holders)
    held = f"held by {count:,} process{'es' if count > 1 else ''}"
    found = [_RUNS[activity.service], held if count else "no process is seen to hold it"]
    if activity.unseen:
        more = f"at least {activity.unseen:,} more can't be looked into from here"
        found.append(f"{more}; a removal makes sure that none of them holds it")
    return tuple(found)


def against_putting_back(
    reads_files: bool | None, in_database: Sequence[str] | None
) -> tuple[str, ...]:
    """Why a legacy directory, whatever its declared kind, must not be put back for the service to find."""
    if reads_files is False:
        return ()
    unknown = "nobody can tell what a start reads"
    service = "the service reads session files" if reads_files else unknown
    if in_database is None:
        return (f"{service}, and nobody can tell whether the database has newer keys",)
    there = f"{service}, and the database has company"
    return tuple(f"{there} {one}: its ratchets would go back" for one in in_database)
