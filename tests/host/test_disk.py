"""Is the disk really clean? `rollout verify ENVIRONMENT --only disk`."""

from collections.abc import Iterator
from typing import Any

from .support.declared import STATE, Declared
from .support.legacy import session_files, set_aside, waiting
from .support.target import Target
from .support.wording import joined, listed, not_checked, problems

LEAST_FREE_INODES = 5000


def test_legacy_directories_are_gone(target: Target, declared: Declared) -> None:
    """A stray start of an old version finds files, and opens the account on old ratchets."""
    there = target.probe("disk.allocated", *declared.legacy_places, as_root=True)
    assert not there, f"still there: {joined(sorted(there))}"


def test_nothing_due_is_left_set_aside(target: Target) -> None:
    """Sessions of customers lie on the disk in the open for longer than was promised."""
    again = f"`rollout apply {target.declared.environment.name}` says why"
    overdue = [f"{path}: {one.why}; {again}" for path, one in set_aside(target).items() if one.due]
    assert not overdue, listed(overdue)
    if kept := waiting(target):
        not_checked(listed([f"{path}: {one.why}" for path, one in kept.items()]))


@problems
def test_no_session_files_anywhere_else(target: Target) -> Iterator[str]:
    """A copy or a renamed directory still holds credentials that open the account."""
    kept = tuple(f"{path}/" for path in waiting(target))
    for folder, found in sorted(session_files(target).items()):
        if not folder.startswith(kept):
            yield f"{folder}: {len(found)} session files, {sum(found.values())} bytes"


@problems
def test_nobody_holds_a_legacy_directory(target: Target, declared: Declared) -> Iterator[str]:
    """A process still writes to what was removed: it runs an old version, its keys go nowhere."""
    places = [*declared.legacy_places, str(declared.set_aside)]
    for one in target.probe("processes.held", str(declared.app_dir), as_root=True):
        if any(one["path"] == place or one["path"].startswith(f"{place}/") for place in places):
            yield f"process {one['pid']} ({one['program']}) holds {one['path']}"


@problems
def test_no_deleted_file_is_held_open(target: Target, declared: Declared) -> Iterator[str]:
    """Deleted but held: the bytes are not free, and the disk fills up where nobody looks."""
    for one in target.probe("processes.held", str(declared.app_dir), as_root=True):
        if one["deleted"]:
            yield f"process {one['pid']} ({one['program']}) holds the deleted {one['path']}"


@problems
def test_bytes_are_really_free(target: Target, declared: Declared) -> Iterator[str]:
    """The report says that space was freed, and the disk is as full as before."""
    places = [*declared.legacy_places, str(declared.set_aside)]
    allocated = target.probe("disk.allocated", *places, as_root=True)
    if kept := list(waiting(target).values()):
        not_checked(f"{sum(allocated.values())} bytes are set aside: {kept[0].why}")
    for path, size in allocated.items():
        # An empty directory for the next rollout's set-aside takes a block or two.
        if size > 2 * 4096:
            yield f"{path} still takes {size} bytes"


def test_no_working_copies_are_left(host: Any) -> None:
    """The switch's own copy of the live sessions lies on the disk after it ended."""
    # There may be no such place.
    found = host.lines("find %s -mindepth 1 -print", str(STATE / "copies"), ends=(0, 1))
    assert not found, f"left behind: {listed(found)}"


def test_enough_space_for_the_next_switch(host: Any, declared: Declared) -> None:
    """A full disk stops the service's logs, the next release and the next switch."""

    def free(unit: str) -> str:
        return str(host.lines(f"df -P{unit} -- %s", str(declared.app_dir))[1].split()[3])

    megabytes, wanted = int(free("B1")) // 2**20, declared.number("minimum_free_mb")
    assert megabytes >= wanted, f"{megabytes} MiB are free, {wanted} are wanted"
    inodes = free("i")
    # File systems without a fixed number of inodes show none.
    assert inodes in ("-", "0") or int(inodes) >= LEAST_FREE_INODES, f"{inodes} inodes are free"
