"""Getting a directory back out of its archive, exactly: names, modes, owners, times, contents.

It is built in a directory of this program alone, compared as a whole with the manifest as it lies on the
disk, and only then gets its place: whatever ends this program, there is either nothing or all of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sessionstore.archive.check import read_archive
from sessionstore.archive.manifest import Entry, Manifest, entry_of, read_manifest
from sessionstore.disk.opening import NEW_FILE, closing, lock, open_beneath, open_directory
from sessionstore.disk.walk import Beneath, walk
from sessionstore.disk.xattrs import Attributes, put
from sessionstore.errors import ArchiveProblem, DirectoryProblem, Refused

#: The ending of the directory in which another one is built before it gets its place.
HALF_EXTRACTED = ".extracting"
_CONTENTS = "contents"


@dataclass(frozen=True)
class ExtractionReport:
    directory: str
    files: int
    directories: int  # in it, itself included
    bytes: int
    seconds: float


def extract(archive: str, manifest: str, identity_file: str, target: str) -> ExtractionReport:
    """Extract an archive ("-": standard input) to a directory that is not there yet, but its parent."""
    parent, name = os.path.split(os.path.abspath(target))
    with closing(open_directory(parent)) as parent_fd:
        return extract_into(parent_fd, name, archive, manifest, identity_file)


def extract_into(
    parent_fd: int, name: str, archive: str, manifest: str, identity_file: str
) -> ExtractionReport:
    """Do as :func:`extract`, below a descriptor of a directory in which others may write meanwhile."""
    started = time.monotonic()
    expected = read_manifest(manifest)
    _refuse(parent_fd, name, expected)
    what = "cannot extract the archive, and nothing was left of it"
    with (
        ArchiveProblem.instead(what, name),
        _workplace(parent_fd, name + HALF_EXTRACTED) as place,
    ):
        os.mkdir(_CONTENTS, 0o700, dir_fd=place)
        with closing(open_beneath(place, _CONTENTS)) as fd:
            with Beneath(fd) as beneath:
                writer = _Writer(beneath)
                read_archive(archive, expected, identity_file, sink=writer)
            _finish(fd, expected, writer.attributes)
            _compare(fd, expected)
        os.rename(_CONTENTS, name, src_dir_fd=place, dst_dir_fd=parent_fd)
        os.fsync(parent_fd)
    where = os.path.join(os.readlink(f"/proc/self/fd/{parent_fd}"), name)
    return ExtractionReport(where, **expected.totals, seconds=time.monotonic() - started)


@contextmanager
def _workplace(parent_fd: int, name: str) -> Iterator[int]:
    """A directory that only this program looks into: what is built in it can't be swapped by others."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent_fd)
    with closing(_own(parent_fd, name)) as fd:
        lock(fd, "another run is extracting it", name)
        _clear(fd)  # left by a run that was killed
        try:
            yield fd
        finally:
            _clear(fd)
            with contextlib.suppress(OSError):  # somebody moved it: it is empty, wherever it is
                os.rmdir(name, dir_fd=parent_fd)


def _own(parent_fd: int, name: str) -> int:
    """Open the workplace; what somebody else made under its name is not looked into."""
    with contextlib.suppress(DirectoryProblem):
        fd = open_beneath(parent_fd, name)
        status = os.fstat(fd)
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == 0o700:
            return fd
        os.close(fd)
    remedy = "Move it away, then run again."
    raise Refused("it is there, and no run of this program left it", name, remedy)


def _clear(fd: int) -> None:
    if _CONTENTS in os.listdir(fd):
        # A path through the descriptor: rmtree takes one itself only from Python 3.11 on.
        shutil.rmtree(f"/proc/self/fd/{fd}/{_CONTENTS}")


def _refuse(parent_fd: int, name: str, expected: Manifest) -> None:
    if name in os.listdir(parent_fd):
        raise Refused("it is there already; an archive is never extracted over anything", name)
    others = {(entry.uid, entry.gid) for entry in expected.entries.values()}
    if os.geteuid() != 0 and others - {(os.geteuid(), os.getegid())}:
        what = "the files belong to another user, and only root can give them back"
        raise Refused(what, name, "Run it as root: sudo")


class _Writer:
    def __init__(self, beneath: Beneath) -> None:
        self._beneath = beneath
        self.attributes: dict[str, Attributes] = {}

    def directory(self, path: str, attributes: Attributes) -> None:
        if attributes:  # Few have any.
            self.attributes[path] = attributes
        if path != ".":
            parent, name = self._beneath.parent_of(path)
            os.mkdir(name, 0o700, dir_fd=parent)

    def file(self, path: str, attributes: Attributes, chunks: Iterable[bytes]) -> None:
        if attributes:
            self.attributes[path] = attributes
        parent, name = self._beneath.parent_of(path)
        with open(os.open(name, NEW_FILE, 0o600, dir_fd=parent), "wb") as file:
            for chunk in chunks:
                file.write(chunk)


def _finish(root_fd: int, expected: Manifest, attributes: Mapping[str, Attributes]) -> None:
    """Owners, attributes, modes and times, what lies deepest first: each change moves its parent's time."""
    with Beneath(root_fd) as beneath:
        for entry in reversed(expected.entries.values()):
            with closing(beneath.open(entry.path, directory=entry.directory)) as fd:
                _dress(fd, entry, attributes.get(entry.path, ()))


def _dress(fd: int, entry: Entry, attributes: Attributes) -> None:
    os.fchown(fd, entry.uid, entry.gid)
    try:
        # After the owner, which takes capabilities away; before the mode, whose group bits are an ACL's mask.
        put(fd, attributes)
    except OSError as error:
        names = ", ".join(name for name, _ in attributes) or "inherited ones"
        what = f"its extended attributes can't be put back ({names}): {error.strerror}"
        remedy = "Extract it as root, to a file system of the same kind. Nothing was left there."
        raise ArchiveProblem(what, entry.path, remedy) from None
    os.fchmod(fd, entry.mode)
    os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
    os.fsync(fd)


def _compare(root_fd: int, expected: Manifest) -> None:
    tree = walk(root_fd)
    found = {node.path: entry_of(node) for node in tree.nodes}
    if tree.objections or found != expected.entries:
        wrong = [path for path, entry in expected.entries.items() if found.get(path) != entry]
        where = next(iter([*wrong, *tree.objections]), "")
        remedy = "Look at the file system it was extracted to; nothing was left there."
        raise ArchiveProblem("what was extracted is not what the manifest says", where, remedy)
