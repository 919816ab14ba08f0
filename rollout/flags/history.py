"""Who changed which flag, when and why, as the hosts' histories have it; and what may be undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollout.checkout import ROOT
from rollout.errors import OperatorError
from rollout.settings.catalogue import catalogue
from rollout.settings.where import flags_file

SET, UNDO, ROLLOUT = "set", "undo", "rollout"


@dataclass(frozen=True)
class Change:
    at: str  # when it was proven, ISO 8601 in UTC
    operator: str
    how: str  # set, undo or rollout
    scope: str  # environment or host; empty for a rollout
    hosts: tuple[str, ...]
    # (name, from, to); None for “not declared”
    changes: tuple[tuple[str, str | None, str | None], ...]
    reason: str
    rollout_id: str
    undoes: str  # the id that it undoes, its own where it was taken back; empty for none


def changes_in(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Change]:
    """All changes of flags, oldest first; one that reached several hosts stands once."""
    found: dict[tuple[str, str], Change] = {}
    for host, lines in histories.items():
        toggles = {line["rollout_id"] for line in lines if line.get("event") == "flags"}
        for line in lines:
            change = _change(host, line, toggles)
            if change is None:
                continue
            key = (change.rollout_id, change.undoes)
            if known := found.get(key):
                change = replace(known, hosts=(*known.hosts, host), at=min(known.at, change.at))
            found[key] = change
    return sorted(found.values(), key=lambda change: change.at)


def _change(host: str, line: Mapping[str, Any], toggles: set[str]) -> Change | None:
    event = line.get("event")
    if event == "flags":
        how, listed = (UNDO if line["undoes"] else SET), line["changes"]
    elif event == "switch" and line.get("outcome") == "switched":
        how, listed = ROLLOUT, line.get("flags") or []
        if line["rollout_id"] in toggles:
            return None
    else:
        return None
    known = catalogue().flags
    changes = tuple((one["name"], one["from"], one["to"]) for one in listed if one["name"] in known)
    if not changes:
        return None
    return Change(
        at=line["at"],
        operator=line.get("operator", ""),
        how=how,
        scope=line.get("scope", ""),
        hosts=(host,),
        changes=changes,
        reason=line.get("reason", ""),
        rollout_id=line["rollout_id"],
        undoes=line.get("undoes", ""),
    )


def to_undo(environment: str, changes: Sequence[Change]) -> Change:
    """The last change that is not undone yet. Raises OperatorError: none, no toggle, or it changed data."""
    taken_back = {one.rollout_id: set(one.hosts) for one in changes if one.undoes == one.rollout_id}
    in_force = [one for one in changes if not {*one.hosts} <= taken_back.get(one.rollout_id, set())]
    undone = {change.undoes for change in in_force if change.how == UNDO}
    left = [one for one in in_force if one.how != UNDO and one.rollout_id not in undone]
    if not left:
        remedy = f"rollout flags history {environment}"
        raise OperatorError(f"{environment}: no toggle is left to undo.", remedy)
    last = left[-1]
    names = [name for name, _, _ in last.changes]
    if data := [name for name in names if catalogue().flags[name].changes_data]:
        raise OperatorError(
            f"the last change of flags, {last.rollout_id}, switched {', '.join(data)}, which changes"
            " data: going back would set keys back. Nothing was changed.",
            f"edit {flags_file(environment).relative_to(ROOT)} and roll out: rollout plan {environment};"
            " the host refuses what would lose keys",
        )
    if last.how == ROLLOUT:
        raise OperatorError(
            f"the last change of flags ({', '.join(names)}) came with the rollout"
            f" {last.rollout_id}, not with a toggle.",
            f"rollout flags set {environment} {names[0]}=… --reason …",
        )
    return last
