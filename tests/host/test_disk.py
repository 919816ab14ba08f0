"""Is the disk really clean? `rollout verify ENVIRONMENT --only disk`."""

from __future__ import annotations

from typing import Any

import pytest

from .support.declared import STATE, Declared
from .support.legacy import old_places, session_files, set_aside
from .support.reporting import not_checked
from .support.target import Target
from .support.wording import joined, listed

pytestmark = pytest.mark.on("service")

LEAST_FREE_INODES = 5000


def test_legacy_directories_are_gone(target: Target, declared: Declared) -> None:
    """A stray start of an old version finds files, and opens the account on old ratchets."""
    there = target.probe("allocated", *old_places(declared), as_root=True)
    assert not there, f"still there: {joined(sorted(there))}"


def test_nothing_due_is_left_set_aside(target: Target) -> None:
    """Sessions of customers lie on the disk in the open for longer than was promised."""
    kept = set_aside(target)
    overdue = [one for one in kept if one.removal.due]
    again = f"`rollout apply {target.declared.environment.name}` says why"
    assert not overdue, listed(f"{one.path}: {one.removal.why}; {again}" for one in overdue)
    if kept:
        not_checked(listed(f"{one.path}: {one.removal.why}" for one in kept))


def test_no_session_files_anywhere_else(target: Target, declared: Declared) -> None:
    """A copy or a renamed directory still holds credentials that open the account."""
    waiting = [one.path for one in set_aside(target) if not one.removal.due]
    strays = {
        folder: found
        for folder, found in session_files(target).items()
        if not any(folder.startswith(f"{path}/") for path in waiting)
    }
    assert not strays, listed(
        f"{folder}: {len(found)} session files, {sum(found.values())} bytes"
        for folder, found in sorted(strays.items())
    )


def test_nobody_holds_a_legacy_directory(target: Target, declared: Declared) -> None:
    """A process still writes to what was removed: it runs an old version, its keys go nowhere."""
    held = target.probe("held", str(declared.app_dir), as_root=True)
    places = [*old_places(declared), str(declared.set_aside)]
    problems = [
        f"process {one['pid']} ({one['program']}) holds {one['path']}"
        for one in held
        if any(one["path"] == place or one["path"].startswith(f"{place}/") for place in places)
    ]
    assert not problems, listed(problems)


def test_no_deleted_file_is_held_open(target: Target, declared: Declared) -> None:
    """Deleted but held: the bytes are not free, and the disk fills up where nobody looks."""
    problems = [
        f"process {one['pid']} ({one['program']}) holds the deleted {one['path']}"
        for one in target.probe("held", str(declared.app_dir), as_root=True)
        if one["deleted"]
    ]
    assert not problems, listed(problems)


def test_bytes_are_really_free(target: Target, declared: Declared) -> None:
    """The report says that space was freed, and the disk is as full as before."""
    places = [*old_places(declared), str(declared.set_aside)]
    allocated = target.probe("allocated", *places, as_root=True)
    waiting = [one for one in set_aside(target) if not one.removal.due]
    if waiting:
        not_checked(f"{sum(allocated.values())} bytes are set aside: {waiting[0].removal.why}")
    # An empty directory for the next rollout's set-aside takes a block or two.
    left = {path: size for path, size in allocated.items() if size > 2 * 4096}
    assert not left, listed(f"{path} still takes {size} bytes" for path, size in left.items())


def test_no_working_copies_are_left(target: Target) -> None:
    """The switch's own copy of the live sessions lies on the disk after it ended."""
    found = target.host.run("find %s -mindepth 1 -print", str(STATE / "copies"))
    assert not found.stdout.strip(), f"left behind: {listed(found.stdout.splitlines())}"


def test_enough_space_for_the_next_switch(host: Any, declared: Declared) -> None:
    """A full disk stops the service's logs, the next release and the next switch."""
    line = host.check_output("df -PB1 -- %s", str(declared.app_dir)).splitlines()[1]
    free = int(line.split()[3]) // 2**20
    wanted = declared.number("minimum_free_mb")
    assert free >= wanted, f"{free} MiB are free, {wanted} are wanted"
    inodes = host.check_output("df -Pi -- %s", str(declared.app_dir)).splitlines()[1].split()[3]
    # File systems without a fixed number of inodes show none.
    assert inodes in ("-", "0") or int(inodes) >= LEAST_FREE_INODES, f"{inodes} inodes are free"
