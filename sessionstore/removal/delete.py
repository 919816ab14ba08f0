"""Deleting what was proven, on descriptors: each file only while it is the one that was looked at.

Deleting a file that has lain on a disk waits for the disk, and `rm -rf` waits for each in turn.
Here some are waited for side by side (docs/performance.md).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from sessionstore.disk.opening import closing, open_beneath
from sessionstore.disk.reading import FileState, same_file_state
from sessionstore.disk.walk import Beneath, Node, Tree
from sessionstore.errors import DirectoryProblem, Refused, cause_of
from sessionstore.keys.names import CREDENTIALS

#: The ending that a directory has while it is being removed.
HALF_REMOVED = ".removing"
_AT_ONCE = 8
#: What others are judged by (docs/session-data.md) goes after those, credentials last: what a power cut
#: leaves can still be accounted for.
_LATER = (("session-",), ("identity-key-", "device-list-"), (CREDENTIALS,))
# In the order of inodes a batch is a stretch of the disk; small, so that all end together.
_BATCH = 64


def delete_contents(fd: int, tree: Tree, again: Callable[[], Sequence[str]] = tuple) -> None:
    """Delete all in a proven directory, but not itself; ``again`` is asked before the credentials go."""
    turns: list[list[Node]] = [[] for _ in range(len(_LATER) + 1)]
    for node in tree.files:
        name = os.path.basename(node.path)
        later = (turn for turn, names in enumerate(_LATER, 1) if name.startswith(names))
        turns[next(later, 0)].append(node)
    *before, last = turns
    for files in before:
        _delete_files(fd, files)
    for reason in again() if last else ():
        raise stopped(reason, last[0].path)
    _delete_files(fd, last)
    with Beneath(fd) as beneath:
        for node in reversed(tree.directories):
            if node.path != ".":
                parent, bare = beneath.parent_of(node.path)
                remove_empty(parent, bare, node.path)


def remove_empty(parent_fd: int, bare: str, path: str) -> None:
    """Delete a directory that should be empty by now; what came into it is named."""
    try:
        os.rmdir(bare, dir_fd=parent_fd)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            with closing(open_beneath(parent_fd, bare)) as fd:
                new = os.path.normpath(f"{path}/{min(os.listdir(fd), default='')}")
            raise stopped("it came while its directory was being removed", new) from None
        raise stopped(cause_of(error), path) from None


def stopped(reason: str, where: str) -> Refused:
    return Refused(
        f"removal stopped: {reason}",
        where,
        f"What is left stays, under the ending {HALF_REMOVED}: look at it, then run again.",
    )


def _delete_files(fd: int, files: Sequence[Node]) -> None:
    ordered = sorted(files, key=_place_on_disk)
    batches = [ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH)]
    ending = Event()

    def delete(batch: Sequence[Node]) -> None:
        try:
            with Beneath(fd) as beneath:
                for node in batch:
                    if ending.is_set():
                        return
                    _unlink(beneath, node)
        except BaseException:
            ending.set()
            raise

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        try:
            for _ in threads.map(delete, batches):
                pass
        finally:
            ending.set()  # Ctrl-C or SIGTERM comes here, in the thread that waits.


def _place_on_disk(node: Node) -> tuple[str, int]:
    """By directory, and within it by inode: on ext4 several times faster than by name."""
    return os.path.dirname(node.path), node.status.st_ino


def _unlink(beneath: Beneath, node: Node) -> None:
    try:
        parent, bare = beneath.parent_of(node.path)
        now = os.stat(bare, dir_fd=parent, follow_symlinks=False)
        if not _unchanged(node.status, now):
            raise DirectoryProblem("changed while its directory was being removed", node.path)
        os.unlink(bare, dir_fd=parent)
    except (OSError, DirectoryProblem) as error:
        raise stopped(cause_of(error), node.path) from None


def _unchanged(before: FileState, now: os.stat_result) -> bool:
    if before.st_nlink > 1:
        # Deleting another name of the same file moves its ctime.
        return same_file_state(before, FileState.of(now)._replace(st_ctime_ns=before.st_ctime_ns))
    return same_file_state(before, now)
