"""Removes set-aside directories that are due, after proving them again; records what was cut off."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hostswitch.base.errors import Refusal, RefusedError
from hostswitch.base.output import emit
from hostswitch.database import evidence
from hostswitch.database.connection import clock_ahead, clock_refusals, connect
from hostswitch.decide.due import WAITING_FOR_VERIFICATION, verification
from hostswitch.directories import aside
from hostswitch.directories.aside import SetAside, all_set_aside
from hostswitch.host import Host
from hostswitch.record.history import NOT_REMOVED, REMOVED, REMOVING, RESTORED
from hostswitch.record.journal import demand_none_open
from hostswitch.service import status
from sessionstore.archive.sealed import Held
from sessionstore.archive.sealed import held as held_archive
from sessionstore.disk.walk import Tree
from sessionstore.errors import StoreError
from sessionstore.removal import remove

# "not checked" is the controller's word for an environment without an age identity on it.
ARCHIVE_ACCEPTED = ("passed", "not checked")


def to_remove(host: Host) -> dict[str, Any]:
    """What waits for nothing but its verification counts as a change: it goes in the same rollout."""
    found = all_set_aside(host)
    changes = [
        f"remove {item.shown}" for item in found if item.removal.due or item.removal.unverified
    ]
    changes += [f"record the removal of {one['name']}" for _, one in gone_unrecorded(host)]
    return {"changes": changes, "due": _due_later(found)}


def _due_later(found: Sequence[SetAside]) -> list[str]:
    return [f"{item.shown}: {item.removal.why}" for item in found if not item.removal.due]


def remove_due(host: Host) -> dict[str, Any]:
    """Remove what is due; nothing at all if one of those directories is not proven."""
    demand_none_open(host.places)
    found = all_set_aside(host)
    due = [item for item in found if item.removal.due]
    proven = [_proven(host, item) for item in due]
    refusals = [refusal for one in proven for refusal in one if isinstance(refusal, Refusal)]
    if refusals:
        raise RefusedError(refusals)
    if due:
        evidence.backup_before(host, "removal")
    removed = complete_record(host)
    for item, (report,) in zip(due, proven, strict=True):
        # Between two lines, so that a kill leaves no gap in the history.
        host.history.add(REMOVING, rollout_id=host.plan.rollout_id, directories=[report])
        try:
            removed.append(_remove(host, item, dry_run=False))
        except BaseException as error:
            record_refusal(host, item, report, error)
            raise
        host.history.add(REMOVED, rollout_id=host.plan.rollout_id, directories=removed[-1:])
    for rollout_id in aside.listed(host.plan.app_dir):
        aside.drop_empty(host.plan.app_dir, rollout_id)
    return {
        "outcome": "removed" if removed else _waiting(found),
        "removed": removed,
        "freed": sum(one["freed"] for one in removed if one["freed"] is not None),
        "waiting": [_waiting_for(item) for item in found if not item.removal.due],
        "due": _due_later(found),
    }


def _waiting(found: Sequence[SetAside]) -> str:
    if any(item.removal.unverified for item in found):
        return WAITING_FOR_VERIFICATION
    return "waiting" if found else "nothing to do"


def _waiting_for(item: SetAside) -> dict[str, str]:
    own = {"name": item.name, "archive": item.archive, "manifest": item.manifest}
    return {**own, "set_aside_by": item.rollout_id, "why": item.removal.why}


def _proven(host: Host, item: SetAside) -> list[Refusal] | list[dict[str, Any]]:
    """What would be removed, proven now; or every reason why it must not be."""
    where = host.path(item.shown)
    if item.declared is None:
        what = "a set-aside directory is not declared in legacy_directories"
        remedy = "Declare it again with its kind, or move it away by hand after looking at it"
        return [Refusal("remove", what, where, remedy)]
    if not os.path.exists(item.archive):
        remedy = f"Make it: rollout apply {host.plan.environment}"
        return [Refusal("remove", "it has no archive", where, remedy)]
    # In this rollout it decrypts every archive.
    token = verification(host.history.lines(), host.plan.rollout_id) or {}
    checked = token.get("archives", {}).get(item.archive, "nothing yet")
    if checked not in ARCHIVE_ACCEPTED:
        what = f"the controller's check of its archive says: {checked}"
        remedy = f"Check it again: rollout apply {host.plan.environment}"
        return [Refusal("remove", what, item.archive, remedy)]
    try:
        return [_remove(host, item, dry_run=True)]
    except StoreError as error:
        remedy = "Nothing was removed; look at the file and its row"
        return Refusal.of("remove", error, where, remedy)


def _remove(host: Host, item: SetAside, *, dry_run: bool) -> dict[str, Any]:
    assert item.declared is not None
    with (
        held_archive(item.archive, item.manifest) as held,
        connect(host.plan) as connection,
        aside.opened(host.plan.app_dir, item.rollout_id) as (_, place),
    ):
        service = status.now(host)
        proof = evidence.removal_proof(connection, held, item.declared, host.plan, service=service)

        def objections(directory: int, tree: Tree) -> Sequence[str]:
            clocks = clock_refusals(clock_ahead(connection))
            return [*_forged(host, held), *(f"{one.what}. {one.remedy}" for one in clocks),
                    *proof.objections(directory, tree)]  # fmt: skip

        report = remove.remove(
            place,
            item.name,
            manifest=held.manifest,
            objections=objections,
            again=proof.again,
            dry_run=dry_run,
        )
    if not dry_run:
        emit("removed", name=item.name, files=report.files, freed=report.freed)
    known = {"name": item.name, "kind": item.declared.kind, "set_aside_by": item.rollout_id}
    return {**known, "files": report.files, "bytes": report.bytes, "freed": report.freed}


def _forged(host: Host, held: Held) -> list[str]:
    """Whether the manifest is the one that this host wrote beside the archive: its history knows."""
    known = {
        one["archive"]: one.get("manifest_sha256", held.manifest.sha256)
        for line in host.history.lines()
        if line["event"] == "archived"
        for one in line["archives"]
    }
    if known.get(held.path, held.manifest.sha256) == held.manifest.sha256:
        return []
    return [f"the manifest of {held.path} is not the one that was written with it"]


def record_refusal(
    host: Host, item: SetAside, report: Refusal | dict[str, Any], error: BaseException
) -> None:
    """End what the line before it began: a directory that is moved away by hand afterwards must
    not pass for one that was removed."""
    if (item.rollout_id, item.name) in {(one.rollout_id, one.name) for one in all_set_aside(host)}:
        rollout_id = host.plan.rollout_id
        host.history.add(NOT_REMOVED, rollout_id=rollout_id, directories=[report], why=str(error))


def complete_record(host: Host) -> list[dict[str, Any]]:
    """Record what a run deleted that was killed before it could say so; what was freed is not known."""
    completed = [
        (line["rollout_id"], {**one, "freed": None}) for line, one in gone_unrecorded(host)
    ]
    for rollout_id, known in completed:
        host.history.add(REMOVED, rollout_id=rollout_id, directories=[known])
    return [known for _, known in completed]


def gone_unrecorded(host: Host) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    there = {(item.rollout_id, item.name) for item in all_set_aside(host)}
    return [
        (line, one)
        for line, one in unrecorded(host.history.lines())
        if (one["set_aside_by"], one["name"]) not in there
    ]


def unrecorded(lines: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Removals begun and neither ended, refused nor put back since, by the record: (line, directory)."""
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
