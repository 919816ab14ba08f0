"""Removals that were cut off before they were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hostswitch.base.errors import Refusal
from hostswitch.directories.kept import Kept, kept
from hostswitch.host import Host
from hostswitch.record.history import NOT_REMOVED, REMOVED, REMOVING, RESTORED


def record_refusal(
    host: Host, item: Kept, report: Refusal | dict[str, Any], error: BaseException
) -> None:
    """End what the line before it began: a directory that is moved away by hand afterwards must
    not pass for one that was removed."""
    if (item.rollout_id, item.name) in {(one.rollout_id, one.name) for one in kept(host)}:
        rollout_id = host.plan.rollout_id
        host.history.add(NOT_REMOVED, rollout_id=rollout_id, directories=[report], why=str(error))


def complete_record(host: Host) -> list[dict[str, Any]]:
    """Record what an earlier run deleted to the end, but was killed before it could say so.

    The figures are those of the proof just before; what was freed is not known.
    """
    completed = []
    for line, one in gone_unrecorded(host):
        known = {**one, "freed": None}
        host.history.add(REMOVED, rollout_id=line["rollout_id"], directories=[known])
        completed.append(known)
    return completed


def gone_unrecorded(host: Host) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Those of `unrecorded` whose directory is gone."""
    there = {(item.rollout_id, item.name) for item in kept(host)}
    return [
        (line, one)
        for line, one in unrecorded(host.history.lines())
        if (one["set_aside_by"], one["name"]) not in there
    ]


def unrecorded(lines: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Removals that were begun and of which no end is on record: (line, directory).

    One that was refused, or whose directory was put back afterwards, has ended too.
    """
    begun: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}
    for line in lines:
        if line["event"] == RESTORED:
            begun.pop((line["set_aside_by"], line["name"].replace("/", "__")), None)
        for one in line.get("directories", []):
            key = (one["set_aside_by"], one["name"])
            if line["event"] == REMOVING:
                begun[key] = (line, one)
            elif line["event"] in (REMOVED, NOT_REMOVED):
                begun.pop(key, None)
    return list(begun.values())
