"""Getting a directory back out of its archive, exactly: names, modes, owners, times, contents.

It is built under another name, compared as a whole with the manifest as it lies on the disk, and
only then gets its own: whatever ends this program, there is either nothing or all of it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass

from sessionstore.archive_check import read_archive
from sessionstore.descriptors import closing, open_beneath, open_directory
from sessionstore.errors import ArchiveProblem, Refused
from sessionstore.manifest import Entry, Manifest, entry_of, read_manifest
from sessionstore.whole import Beneath, walk

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: The ending that a directory has while it is being extracted.
HALF_EXTRACTED = ".extracting"


@dataclass(frozen=True)
class ExtractionReport:
    """One directory that is as it was when it was archived.

    Attributes:
        directory: its path.
        files: in it.
        directories: in it, itself included.
        bytes: of the files.
        seconds: how long it took.
    """

    directory: str
    files: int
    directories: int
    bytes: int
    seconds: float


def extract(archive: str, manifest: str, identity_file: str, target: str) -> ExtractionReport:
    """Extract an archive to a directory that is not there yet.

    Args:
        archive: path of the encrypted file, or "-" for standard input.
        manifest: path of its manifest.
        identity_file: path of a file with an age identity.
        target: path of the new directory; its parent must be there.

    Returns:
        What was extracted, and compared with the manifest as it lies on the disk.

    Raises:
        Refused: the target is there already, or the owners can't be put back.
        ArchiveProblem: the archive can't be opened, or is not what its manifest says; nothing
            is left under the target's name.
        DirectoryProblem: the target's parent is not there, or is a symlink.
    """
    started = time.monotonic()
    expected = read_manifest(manifest)
    parent, name = os.path.split(os.path.abspath(target))
    with closing(open_directory(parent)) as parent_fd:
        _refuse(parent_fd, name, expected)
        half = name + HALF_EXTRACTED
        if half in os.listdir(parent_fd):
            shutil.rmtree(_beneath(parent_fd, half))  # left by a run that was killed
        try:
            os.mkdir(half, 0o700, dir_fd=parent_fd)
            with closing(open_beneath(parent_fd, half)) as fd:
                with _Writer(fd) as writer:
                    read_archive(archive, expected, identity_file, sink=writer)
                _finish(fd, expected)
                _compare(fd, expected)
            os.rename(half, name, src_dir_fd=parent_fd, dst_dir_fd=parent_fd)
            os.fsync(parent_fd)
        except BaseException as trouble:
            shutil.rmtree(_beneath(parent_fd, half), ignore_errors=True)
            if isinstance(trouble, OSError):
                reason = f"cannot extract the archive: {trouble.strerror}"
                raise ArchiveProblem(reason, target, "Nothing was left there.") from None
            raise
    return ExtractionReport(
        os.path.join(parent, name),
        expected.files,
        expected.directories,
        expected.bytes,
        time.monotonic() - started,
    )


def _beneath(parent_fd: int, name: str) -> str:
    """A path through the descriptor: rmtree takes one itself only from Python 3.11 on."""
    return f"/proc/self/fd/{parent_fd}/{name}"


def _refuse(parent_fd: int, name: str, expected: Manifest) -> None:
    if name in os.listdir(parent_fd):
        raise Refused("it is there already; an archive is never extracted over anything", name)
    others = {(entry.uid, entry.gid) for entry in expected.entries.values()}
    if os.geteuid() != 0 and others - {(os.geteuid(), os.getegid())}:
        raise Refused(
            "the files belong to another user, and only root can give them back",
            name,
            "Run it as root: sudo",
        )


class _Writer:
    """Writes an archive's members below a directory. Use in ``with``."""

    def __init__(self, root_fd: int) -> None:
        self._beneath = Beneath(root_fd)

    def directory(self, path: str) -> None:
        if path != ".":
            parent, name = self._beneath.parent_of(path)
            os.mkdir(name, 0o700, dir_fd=parent)

    def file(self, path: str, chunks: Iterable[bytes]) -> None:
        parent, name = self._beneath.parent_of(path)
        with open(os.open(name, _NEW, 0o600, dir_fd=parent), "wb") as file:
            for chunk in chunks:
                file.write(chunk)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._beneath.close()


def _finish(root_fd: int, expected: Manifest) -> None:
    """Owners, modes and times, what lies deepest first: each change moves its parent's time."""
    with Beneath(root_fd) as beneath:
        for entry in reversed(list(expected.entries.values())):
            if entry.directory:
                with closing(open_beneath(root_fd, entry.path)) as fd:
                    _dress(fd, entry)
            else:
                with closing(beneath.open_file(entry.path)) as fd:
                    _dress(fd, entry)


def _dress(fd: int, entry: Entry) -> None:
    os.fchown(fd, entry.uid, entry.gid)
    os.fchmod(fd, entry.mode)
    os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
    os.fsync(fd)


def _compare(root_fd: int, expected: Manifest) -> None:
    tree = walk(root_fd)
    found = {node.path: entry_of(node) for node in tree.nodes}
    if tree.objections or found != expected.entries:
        wrong = [path for path, entry in expected.entries.items() if found.get(path) != entry]
        raise ArchiveProblem(
            "what was extracted is not what the manifest says",
            wrong[0] if wrong else "; ".join(tree.objections[:1]),
            "Look at the file system it was extracted to; nothing was left there.",
        )
