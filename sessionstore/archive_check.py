"""Opening an archive for real: decrypt, decompress, compare every member."""

from __future__ import annotations

import hashlib
import os
import sys
import tarfile
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any

from sessionstore.descriptors import closing
from sessionstore.errors import ArchiveProblem
from sessionstore.manifest import Entry, Manifest, read_manifest
from sessionstore.pipeline import Decryption
from sessionstore.whole import CHUNK


@dataclass(frozen=True)
class CheckReport:
    """An archive that was opened and is what its manifest says.

    Attributes:
        files: compared.
        directories: compared.
        bytes: of the files.
        seconds: how long it took.
    """

    files: int
    directories: int
    bytes: int
    seconds: float


def check(
    archive: str, manifest: str, identity_file: str, *, stdin: IO[bytes] | None = None
) -> CheckReport:
    """Decrypt an archive and compare everything in it with its manifest.

    Args:
        archive: path, or "-" for standard input.
        manifest: path.
        identity_file: path of a file with an age identity.
        stdin: what "-" reads; by default the process's own.

    Returns:
        What was compared.

    Raises:
        ArchiveProblem: it can't be opened, or differs; the first difference is named.
    """
    started = time.monotonic()
    expected = read_manifest(manifest)
    if not os.path.isfile(identity_file):
        raise ArchiveProblem("no such identity file", identity_file)
    if archive == "-":
        _compare(stdin or sys.stdin.buffer, identity_file, expected)
    else:
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(archive, flags)
        except OSError as error:
            raise ArchiveProblem(f"cannot open the archive: {error.strerror}", archive) from None
        with closing(fd):
            _compare(fd, identity_file, expected)
    return CheckReport(
        expected.files, expected.directories, expected.bytes, time.monotonic() - started
    )


class _Hashing:
    """Passes a stream on and hashes it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data


def _compare(source: int | IO[bytes], identity_file: str, expected: Manifest) -> None:
    with Decryption(source, identity_file) as decryption:
        stream = _Hashing(decryption.output)
        trouble: ArchiveProblem | None = None
        try:
            _compare_members(stream, expected)
            while stream.read(CHUNK):
                pass
        except tarfile.TarError as error:
            trouble = ArchiveProblem(f"not a whole tar stream: {error}")
        if trouble:
            # What age or zstd say of it is the better explanation.
            while stream.read(CHUNK):
                pass
            decryption.finish()
            raise trouble
        decryption.finish()
    if stream.digest.hexdigest() != expected.plain_sha256:
        raise ArchiveProblem("the plain stream is not what the manifest says")


def _compare_members(stream: _Hashing, expected: Manifest) -> None:
    waiting = dict(expected.entries)
    members: Any = stream
    with tarfile.open(fileobj=members, mode="r|", errors="surrogateescape") as tar:
        for member in tar:
            found = _entry(tar, member, expected.name)
            entry = waiting.pop(found.path, None)
            if entry != found:
                what = "not in the manifest" if entry is None else _difference(entry, found)
                raise ArchiveProblem(f"a member of the archive is {what}", found.path)
    if waiting:
        raise ArchiveProblem("the archive lacks a file of the manifest", next(iter(waiting)))


def _difference(expected: Entry, found: Entry) -> str:
    pairs = zip(Entry._fields, expected, found, strict=True)
    return "not as recorded: " + ", ".join(name for name, one, other in pairs if one != other)


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo, top: str) -> Entry:
    path = "." if member.name == top else member.name.removeprefix(f"{top}/")
    digest = hashlib.sha256()
    file = tar.extractfile(member) if member.isreg() else None
    while file and (chunk := file.read(CHUNK)):
        digest.update(chunk)
    if not (member.isreg() or member.isdir()):
        raise ArchiveProblem("a member of the archive is neither file nor directory", path)
    mtime = Decimal(member.pax_headers.get("mtime", str(member.mtime)))
    return Entry(
        path,
        member.isdir(),
        member.mode,
        member.uid,
        member.gid,
        int(mtime * 1_000_000_000),
        member.size,
        digest.hexdigest() if member.isreg() else "",
    )
