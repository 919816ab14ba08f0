"""Opening an archive for real: decrypt, decompress, compare every member."""

from __future__ import annotations

import hashlib
import os
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any, Protocol

from sessionstore.archive.encryption import Decryption
from sessionstore.archive.manifest import Entry, Manifest, read_manifest
from sessionstore.disk.opening import closing, open_regular
from sessionstore.disk.walk import CHUNK
from sessionstore.disk.xattrs import Attributes, from_pax
from sessionstore.errors import ArchiveProblem


@dataclass(frozen=True)
class CheckReport:
    files: int
    directories: int
    bytes: int
    seconds: float


def check(archive: str, manifest: str, identity_file: str) -> CheckReport:
    """Decrypt an archive ("-": standard input) and compare everything in it with its manifest."""
    started = time.monotonic()
    expected = read_manifest(manifest)
    read_archive(archive, expected, identity_file)
    return CheckReport(**expected.totals, seconds=time.monotonic() - started)


class Sink(Protocol):
    """Takes what is in an archive, member by member; each was found in the manifest before."""

    def directory(self, path: str, attributes: Attributes) -> None:
        """Take a directory; "." is the archived one itself."""

    def file(self, path: str, attributes: Attributes, chunks: Iterable[bytes]) -> None:
        """Take a file; all chunks of its content must be taken."""


def read_archive(
    archive: str, expected: Manifest, identity_file: str, *, sink: Sink | None = None
) -> None:
    """Do as :func:`check`, and give the members to a sink; of a difference only the error tells it."""
    if not os.path.isfile(identity_file):
        remedy = "Name the file that age-keygen wrote; a pipe will not do."
        raise ArchiveProblem("no such identity file", identity_file, remedy)
    if archive == "-":
        if sys.stdin is None:
            raise ArchiveProblem("standard input is closed", "-")
        _compare(sys.stdin.buffer, identity_file, expected, sink)
        return
    with ArchiveProblem.instead("cannot open the archive", archive):
        fd = open_regular(archive)
    with closing(fd):
        _compare(fd, identity_file, expected, sink)


class _Hashing:
    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data


def _compare(
    source: int | IO[bytes], identity_file: str, expected: Manifest, sink: Sink | None
) -> None:
    with Decryption(source, identity_file) as decryption:
        stream = _Hashing(decryption.output)
        trouble: ArchiveProblem | None = None
        try:
            _compare_members(stream, expected, sink)
        except tarfile.TarError as error:
            trouble = ArchiveProblem(f"not a whole tar stream: {error}")
        while stream.read(CHUNK):
            pass
        decryption.finish()  # What age or zstd say of it is the better explanation.
        if trouble:
            raise trouble
    if stream.digest.hexdigest() != expected.plain_sha256:
        raise ArchiveProblem("the plain stream is not what the manifest says")


def _compare_members(stream: _Hashing, expected: Manifest, sink: Sink | None) -> None:
    waiting = dict(expected.entries)
    members: Any = stream
    with tarfile.open(fileobj=members, mode="r|", errors="surrogateescape") as tar:
        for member in tar:
            below = member.name.removeprefix(f"{expected.name}/")
            path = "." if member.name == expected.name else below
            entry = waiting.pop(path, None)
            if entry is None:
                raise ArchiveProblem("a member of the archive is not in the manifest", path)
            found = _entry(tar, member, path, sink)
            if entry != found:
                pairs = zip(Entry._fields, entry, found, strict=True)
                names = ", ".join(name for name, one, other in pairs if one != other)
                raise ArchiveProblem(f"a member of the archive is not as recorded: {names}", path)
    if waiting:
        raise ArchiveProblem("the archive lacks a file of the manifest", next(iter(waiting)))


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, sink: Sink | None) -> Entry:
    if not (member.isreg() or member.isdir()):
        raise ArchiveProblem("a member of the archive is neither file nor directory", path)
    digest = hashlib.sha256()

    def content() -> Iterator[bytes]:
        file = tar.extractfile(member)
        while file and (chunk := file.read(CHUNK)):
            digest.update(chunk)
            yield chunk

    attributes = from_pax(member.pax_headers)
    if sink and member.isdir():
        sink.directory(path, attributes)
    elif sink:
        sink.file(path, attributes, content())
    else:
        for _ in content():
            pass
    mtime = Decimal(member.pax_headers.get("mtime", str(member.mtime)))
    owner, nanoseconds = (member.uid, member.gid), int(mtime * 1_000_000_000)
    sha256 = digest.hexdigest() if member.isreg() else ""
    return Entry(path, member.isdir(), member.mode, *owner, nanoseconds, member.size, sha256)
