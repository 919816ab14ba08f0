"""Removing a directory for good: proven again and deleted in one process, on descriptors.

Nothing is deleted before everything has been looked at: one file that is not what the
archive's manifest says, one open file, one objection of the proof, and all of it stays. The
act begins with a rename, so that a run which was killed half way is recognised and goes on.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sessionstore.archive.manifest import Manifest
from sessionstore.disk.holders import holders_of
from sessionstore.disk.mounts import mount_id
from sessionstore.disk.opening import closing, exists, lock, open_beneath
from sessionstore.disk.reading import identity
from sessionstore.disk.walk import Tree, walk
from sessionstore.errors import Refused, StoreError, cause_of
from sessionstore.garbage import without_collector
from sessionstore.removal.delete import HALF_REMOVED, delete_contents, remove_empty, stopped

_LONGEST_NAME = 255  # bytes, NAME_MAX of every Linux file system that is met here


@dataclass(frozen=True)
class RemovalReport:
    name: str  # of the directory
    files: int  # deleted in this run
    directories: int  # deleted in this run
    bytes: int  # sum of the file sizes
    #: what they took on the disk, in bytes, from their block counts; files that have a further name
    #: elsewhere count for nothing
    freed: int
    seconds: float  # how long it took, the proof included
    resumed: bool  # whether an earlier run had begun it


@without_collector()
def remove(
    parent_fd: int,
    name: str,
    *,
    manifest: Manifest,
    objections: Callable[[int, Tree], Sequence[str]],
    again: Callable[[], Sequence[str]] = tuple,
    dry_run: bool = False,
) -> RemovalReport:
    """Prove that a directory may go, and delete it.

    Args:
        manifest: of its archive, which the caller has just verified on disk.
        objections: every further proof (the database above all), of a descriptor of the directory
            and all that was just read of it; what it returns forbids the removal.
        again: what is looked at once more just before the first file goes, and before the credentials
            do: that the archive and the rows are still there.
    """
    started = time.monotonic()
    if not name or "/" in name or name in (".", ".."):
        raise Refused("not the bare name of a directory", name)
    if len(os.fsencode(name + HALF_REMOVED)) > _LONGEST_NAME:
        what = f"its name is too long: while it is removed it has the ending {HALF_REMOVED}"
        raise Refused(what, name, "Give it a shorter name.")
    current, resumed = _find(parent_fd, name)
    with closing(open_beneath(parent_fd, current)) as fd:
        lock(fd, "another run is removing this directory", name)
        tree = walk(fd)
        reasons = _reasons(parent_fd, fd, tree, manifest, resumed=resumed)
        # All files are opened for leases once: here, or just before they are deleted.
        reasons.extend(_holding(fd, tree, leases=dry_run))
        reasons.extend(objections(fd, tree))
        _refuse(name, reasons or again())
        if not dry_run:
            try:
                _delete(parent_fd, fd, (name, current), tree, again)
            except OSError as error:
                raise stopped(cause_of(error), str(error.filename or name)) from None
    return RemovalReport(
        name,
        len(tree.files),
        len(tree.directories),
        sum(node.status.st_size for node in tree.files),
        _freed(tree),
        time.monotonic() - started,
        resumed,
    )


def _find(parent_fd: int, name: str) -> tuple[str, bool]:
    half = name + HALF_REMOVED
    there = {one for one in (name, half) if exists(parent_fd, one)}
    if there == {name, half}:
        remedy = "Look into both; move away the one that does not belong there."
        raise Refused(f"both {name} and {half} are there", name, remedy)
    return (half, True) if half in there else (name, False)


def _reasons(
    parent_fd: int, fd: int, tree: Tree, manifest: Manifest, *, resumed: bool
) -> list[str]:
    reasons = list(tree.objections)
    if mount_id(fd) != mount_id(parent_fd):
        reasons.append("it is a mount point")
    there = {node.path: node for node in tree.nodes}
    for path, node in there.items():
        entry = manifest.entries.get(path)
        if entry is None:
            reasons.append(f"{path}: not in the archive")
        elif entry.directory != node.is_directory:
            reasons.append(f"{path}: not what was archived under this name")
        elif entry.sha256 != node.sha256:  # Both empty for a directory.
            reasons.append(f"{path}: changed since it was archived")
        if node.fixed:
            reasons.append(f"{path}: can't be deleted before: chattr -ia")
    if not resumed:
        gone = manifest.entries.keys() - there.keys()
        reasons.extend(f"{path}: archived, but gone from the directory" for path in sorted(gone))
    return reasons


def _holding(fd: int, tree: Tree, *, leases: bool) -> list[str]:
    return [f"{one.named} holds it: {one.how}" for one in holders_of(fd, tree, leases=leases)]


def _refuse(name: str, reasons: Sequence[str]) -> None:
    if reasons:
        what = f"not removed, {len(reasons)} reason(s), the first: {reasons[0]}"
        raise Refused(what, name, "Nothing was deleted.", reasons)


def _delete(
    parent_fd: int, fd: int, names: tuple[str, str], tree: Tree, again: Callable[[], Sequence[str]]
) -> None:
    name, current = names
    half = name + HALF_REMOVED
    if current != half:
        try:
            os.rename(current, half, src_dir_fd=parent_fd, dst_dir_fd=parent_fd)
        except OSError as error:
            _refuse(name, [f"it can't be renamed to {half}: {cause_of(error)}"])
        os.fsync(parent_fd)
    # Under its new name nobody can open it by path any more; who did so just before is seen.
    late = _late_reasons(parent_fd, half, fd, tree, again)
    if late:
        os.rename(half, name, src_dir_fd=parent_fd, dst_dir_fd=parent_fd)
        _refuse(name, late)
    delete_contents(fd, tree, again)
    if not _is_same(parent_fd, half, fd):
        raise Refused("another directory took its place", name)
    remove_empty(parent_fd, half, ".")
    os.fsync(parent_fd)


def _late_reasons(
    parent_fd: int, half: str, fd: int, tree: Tree, again: Callable[[], Sequence[str]]
) -> list[str]:
    late = [] if _is_same(parent_fd, half, fd) else ["another directory took its place"]
    try:
        return [*late, *_holding(fd, tree, leases=True), *again()]
    except StoreError as nobody_can_tell:
        return [*late, str(nobody_can_tell)]


def _is_same(parent_fd: int, name: str, fd: int) -> bool:
    there = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
    return identity(there) == identity(os.fstat(fd))


def _freed(tree: Tree) -> int:
    names = Counter(node.status.st_ino for node in tree.nodes)
    files = {one.status.st_ino: one.status for one in tree.files}.values()
    whole = [one.status for one in tree.directories]
    whole += [one for one in files if names[one.st_ino] == one.st_nlink]
    return sum(one.st_blocks * 512 for one in whole)
