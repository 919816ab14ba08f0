"""Archives set-aside directories, and removes those that are due, after proving them again."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hostswitch import aside, backups, resume, rows, running_on, skew
from hostswitch.errors import Refusal, RefusedError
from hostswitch.host import Host
from hostswitch.output import emit, progress
from hostswitch.plan import LegacyDirectory, with_names
from hostswitch.ripeness import WAITING_FOR_VERIFICATION, Ripeness, judge, verification
from sessionstore import archive, removal
from sessionstore.descriptors import open_beneath
from sessionstore.errors import StoreError
from sessionstore.whole import Tree

REMOVING = "removing"
REMOVED = "removed"
NOT_REMOVED = "not removed"
RESTORED = "restored"
# "not checked" is the controller's word for an environment without an age identity on it.
ARCHIVE_ACCEPTED = ("passed", "not checked")


@dataclass(frozen=True)
class Kept:
    """One set-aside directory: which rollout put it there, under which name, declared as what."""

    rollout_id: str
    name: str
    declared: LegacyDirectory | None
    ripeness: Ripeness

    @property
    def shown(self) -> str:
        """How it is called in sentences."""
        return f"{aside.PLACE}/{self.rollout_id}/{self.name}"

    def archive_paths(self, host: Host) -> tuple[str, str]:
        """Where its archive and manifest are."""
        base = os.path.join(host.plan.archive.directory, self.rollout_id, self.name)
        return f"{base}.tar.zst.age", f"{base}.manifest.jsonl"


def kept(host: Host) -> list[Kept]:
    """Everything that is set aside on this host."""
    lines = host.history.lines()
    declared = with_names(host.plan.legacy_directories)
    found = []
    for rollout_id, names in aside.kept(host.plan.app_dir).items():
        ripeness = judge(
            lines, rollout_id, host.plan.remove_after_days, time.time(), host.plan.rollout_id
        )
        for name in sorted({name.removesuffix(removal.HALF_REMOVED) for name in names}):
            found.append(Kept(rollout_id, name, declared.get(name), ripeness))
    return found


def to_archive(host: Host) -> dict[str, Any]:
    """Which directories `archive` would archive: `changes`, sentences. Writes nothing."""
    missing = [item for item in kept(host) if not os.path.exists(item.archive_paths(host)[0])]
    return {
        "outcome": "changes" if missing else "nothing to do",
        "changes": [f"archive {item.shown}" for item in missing],
    }


def to_remove(host: Host) -> dict[str, Any]:
    """What `remove` would delete or wait for: `changes` and `due`, sentences. Writes nothing.

    What waits for nothing but its verification counts as a change: it goes in the same rollout.
    """
    found = kept(host)
    changes = [
        f"remove {item.shown}" for item in found if item.ripeness.due or item.ripeness.unverified
    ]
    changes += [f"record the removal of {one['name']}" for _, one in _gone_unrecorded(host)]
    return {
        "outcome": "changes" if changes else "nothing to do",
        "changes": changes,
        "due": [f"{item.shown}: {item.ripeness.why}" for item in found if not item.ripeness.due],
    }


def archive_all(host: Host) -> dict[str, Any]:
    """Archive every set-aside directory that has no archive yet.

    Returns:
        The result's fields.

    Raises:
        HostError: a switch is open.
        StoreError: an archive could not be written.
    """
    resume.demand_none_open(host.places)
    done = []
    for item in kept(host):
        target = os.path.dirname(item.archive_paths(host)[0])
        os.makedirs(target, mode=0o700, exist_ok=True)
        with aside.opened(host.plan.app_dir, item.rollout_id) as (_, place):
            report = _archived(host, place, item, target)
        if report is not None:
            done.append(report)
    new = [one for one in done if not one["reused"]]
    if new:
        host.history.add("archived", rollout_id=host.plan.rollout_id, archives=new)
    return {"outcome": "archived" if new else "nothing to do", "archives": done}


def _archived(host: Host, place: int, item: Kept, target: str) -> dict[str, Any] | None:
    try:
        directory = open_beneath(place, item.name)
    except StoreError:
        return None  # Its removal was cut off half way; it was archived before that.
    progress(f"archive {item.name}")
    try:
        report = archive.create(directory, target, item.name, host.plan.archive.recipients)
    finally:
        os.close(directory)
    return {
        "name": item.name,
        "set_aside_by": item.rollout_id,
        "archive": report.archive,
        "manifest": report.manifest,
        "files": report.files,
        "bytes": report.bytes,
        "archive_bytes": report.archive_bytes,
        "sha256": report.archive_sha256,
        "manifest_sha256": report.manifest_sha256,
        "reused": report.reused,
    }


def remove_due(host: Host) -> dict[str, Any]:
    """Remove what is due; nothing at all if one of those directories is not proven.

    Returns:
        The result's fields; `waiting` says what is not due, and why.

    Raises:
        RefusedError: a directory that is due can't be accounted for, or has no archive.
        HostError: a switch is open.
    """
    resume.demand_none_open(host.places)
    found = kept(host)
    waiting = [
        {
            "name": item.name,
            "set_aside_by": item.rollout_id,
            "why": item.ripeness.why,
            **dict(zip(("archive", "manifest"), item.archive_paths(host), strict=True)),
        }
        for item in found
        if not item.ripeness.due
    ]
    due = [item for item in found if item.ripeness.due]
    proven = [_proven(host, item) for item in due]
    refusals = [refusal for one in proven for refusal in one if isinstance(refusal, Refusal)]
    if refusals:
        raise RefusedError(refusals)
    if due:
        backups.before(host, "removal")
    removed = complete_record(host)
    for item, (report,) in zip(due, proven, strict=True):
        # Between two lines, so that a kill leaves no gap in the history.
        host.history.add(REMOVING, rollout_id=host.plan.rollout_id, directories=[report])
        try:
            removed.append(_remove(host, item, dry_run=False))
        except BaseException as error:
            _record_refusal(host, item, report, error)
            raise
        host.history.add(REMOVED, rollout_id=host.plan.rollout_id, directories=removed[-1:])
    for rollout_id in aside.kept(host.plan.app_dir):
        aside.drop_empty(host.plan.app_dir, rollout_id)
    return {
        "outcome": "removed" if removed else _waiting(found),
        "removed": removed,
        "freed": sum(one["freed"] for one in removed if one["freed"] is not None),
        "waiting": waiting,
    }


def _record_refusal(
    host: Host, item: Kept, report: Refusal | dict[str, Any], error: BaseException
) -> None:
    """End what the line before it began: a directory that is moved away by hand afterwards must
    not pass for one that was removed."""
    if (item.rollout_id, item.name) in {(one.rollout_id, one.name) for one in kept(host)}:
        rollout_id = host.plan.rollout_id
        host.history.add(NOT_REMOVED, rollout_id=rollout_id, directories=[report], why=str(error))


def complete_record(host: Host) -> list[dict[str, Any]]:
    """Record what an earlier run deleted to the end, but was killed before it could say so.

    Returns:
        What was recorded: figures of the proof just before; what was freed is not known.
    """
    completed = []
    for line, one in _gone_unrecorded(host):
        known = {**one, "freed": None}
        host.history.add(REMOVED, rollout_id=line["rollout_id"], directories=[known])
        completed.append(known)
    return completed


def _gone_unrecorded(host: Host) -> list[tuple[dict[str, Any], dict[str, Any]]]:
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


def _waiting(found: Sequence[Kept]) -> str:
    if any(item.ripeness.unverified for item in found):
        return WAITING_FOR_VERIFICATION
    return "waiting" if found else "nothing to do"


def _proven(host: Host, item: Kept) -> list[Refusal] | list[dict[str, Any]]:
    """What would be removed, proven now; or every reason why it must not be."""
    where = f"{host.plan.app_dir}/{aside.PLACE}/{item.rollout_id}/{item.name}"
    if item.declared is None:
        what = "a set-aside directory is not declared in legacy_directories"
        remedy = "Declare it again with its kind, or move it away by hand after looking at it"
        return [Refusal("remove", what, where, remedy)]
    if not os.path.exists(item.archive_paths(host)[0]):
        remedy = f"Make it: rollout apply {host.plan.environment}"
        return [Refusal("remove", "it has no archive", where, remedy)]
    checked = _archive_checked(host, item)
    if checked not in ARCHIVE_ACCEPTED:
        what = f"the controller's check of its archive says: {checked}"
        remedy = f"Check it again: rollout apply {host.plan.environment}"
        return [Refusal("remove", what, item.archive_paths(host)[0], remedy)]
    try:
        return [_remove(host, item, dry_run=True)]
    except StoreError as error:
        reasons: Sequence[str] = getattr(error, "reasons", None) or (error.what,)
        remedy = error.remedy or "Nothing was removed; look at the file and its row"
        return [Refusal("remove", reason, error.where or where, remedy) for reason in reasons]


def _archive_checked(host: Host, item: Kept) -> str:
    """What the controller found when it decrypted the archive in this rollout."""
    token = verification(host.history.lines(), host.plan.rollout_id) or {}
    return str(token.get("archives", {}).get(item.archive_paths(host)[0], "nothing yet"))


def _remove(host: Host, item: Kept, *, dry_run: bool) -> dict[str, Any]:
    assert item.declared is not None
    with (
        archive.held(*item.archive_paths(host)) as held,
        rows.connect(host.plan) as connection,
        aside.opened(host.plan.app_dir, item.rollout_id) as (_, place),
    ):
        service = running_on.now(host)
        proof = rows.removal_proof(connection, held, item.declared, host.plan, service=service)

        def objections(directory: int, tree: Tree) -> Sequence[str]:
            clocks = skew.refusals(skew.measured(connection))
            return [*_forged(host, held), *(f"{one.what}. {one.remedy}" for one in clocks),
                    *proof.objections(directory, tree)]  # fmt: skip

        report = removal.remove(
            place,
            item.name,
            manifest=held.manifest,
            objections=objections,
            again=proof.again,
            dry_run=dry_run,
        )
    if not dry_run:
        emit("removed", name=item.name, files=report.files, freed=report.freed)
    return {
        "name": item.name,
        "kind": item.declared.kind,
        "set_aside_by": item.rollout_id,
        "files": report.files,
        "bytes": report.bytes,
        "freed": report.freed,
    }


def _forged(host: Host, held: archive.Held) -> list[str]:
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
