"""The files of one directory, in little memory: a company may have a million of them."""

from __future__ import annotations

import os
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from sessionstore.keys.names import Key, decode

KEY = "key"
CREDS = "creds"
ARTEFACT = "artefact"
UNKNOWN = "unknown"
#: An artefact that may be all there is of a key: the file that it is a copy of is missing or torn.
ONLY_COPY = "only copy"

#: Names that are held at a time to put them into order: about 100 bytes each.
WINDOW = 500_000

_KINDS = (KEY, CREDS, ARTEFACT, UNKNOWN, ONLY_COPY)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_DIGEST = 32
_NO_DIGEST = bytes(_DIGEST)
# What os.fsencode and os.fsdecode use, without their checks: half of a table's time.
_NAMING = sys.getfilesystemencoding()


class FileEntry(NamedTuple):
    #: the bare name; bytes that are not UTF-8 as surrogates (``os.fsdecode``). For files outside a
    #: company's directory the path below the scanned directory.
    name: str
    kind: str  # KEY, CREDS, ARTEFACT, UNKNOWN or ONLY_COPY
    size: int  # in bytes
    mtime_ns: int
    sha256: str | None = None  # of the bytes; None where the contents were not read
    #: of the canonical value; None where there is none that can be kept
    value_sha256: str | None = None

    @property
    def key(self) -> Key | None:
        return decode(self.name) if self.kind == KEY else None


@dataclass
class Counts:
    by_kind: Counter[str] = field(default_factory=Counter)  # files of each kind
    by_type: Counter[str] = field(default_factory=Counter)  # key files of each key type
    #: a sum that tells this set of names from any other: holding the names of a million files to
    #: compare them would take more memory than all the rest
    names: int = 0

    def add(self, name: str, kind: str, key: Key | None) -> None:
        self.by_kind[kind] += 1
        if key is not None:
            self.by_type[key.key_type] += 1
        self.names += hash(name)

    @property
    def total(self) -> int:
        return sum(self.by_kind.values())

    def are_of(self, names: Iterable[str]) -> bool:
        """Tell whether the files that were counted have these names, each given once, and no others."""
        count = total = 0
        for name in names:
            count += 1
            total += hash(name)
        return (count, total) == (self.total, self.names)


class PackedNames:
    """File names one after the other in one buffer: half the memory of a list of texts."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def append(self, name: str) -> None:
        self._bytes += name.encode(_NAMING, "surrogateescape")
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        start, end = self._ends[index], self._ends[index + 1]
        return self._bytes[start:end].decode(_NAMING, "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in islice(self._ends, 1, None):
            yield self._bytes[start:end].decode(_NAMING, "surrogateescape")
            start = end


def regular_files(directory_fd: int) -> Iterator[os.DirEntry[str]]:
    """List the regular files of a directory, in no order."""
    with os.scandir(directory_fd) as entries:
        yield from (entry for entry in entries if entry.is_file(follow_symlinks=False))


def in_reading_order(directory_fd: int) -> Iterator[str]:
    """List regular files by inode, which ext4 reads several times faster; WINDOW bounds the memory."""
    files = regular_files(directory_fd)
    while True:
        names = PackedNames()
        order = []
        for entry in islice(files, WINDOW):
            # Inode and place in one number: a pair for each would take four times the memory.
            order.append(entry.inode() * WINDOW + len(names))
            names.append(entry.name)
        if not order:
            return
        order.sort()
        for one in order:
            yield names[one % WINDOW]


class FileTable:
    """What is known of each of a directory's files, in some 140 bytes a file."""

    def __init__(self) -> None:
        self._names = PackedNames()
        self._kinds = bytearray()
        self._sizes = array("Q")
        self._times = array("q")
        self._digests = bytearray()

    def append(self, entry: FileEntry) -> None:
        self._names.append(entry.name)
        self._digests += _packed(entry.sha256) + _packed(entry.value_sha256)
        self._kinds.append(_CODES[entry.kind])
        self._sizes.append(entry.size)
        self._times.append(entry.mtime_ns)

    def first_of(self, kind: str) -> FileEntry | None:
        index = self._kinds.find(_CODES[kind])
        return None if index < 0 else self[index]

    def names(self) -> Iterator[str]:
        """The names alone, in order: much faster than whole entries."""
        return iter(self._names)

    def digests(self, index: int) -> tuple[str | None, str | None]:
        start = 2 * _DIGEST * index
        middle, end = start + _DIGEST, start + 2 * _DIGEST
        return _unpacked(self._digests[start:middle]), _unpacked(self._digests[middle:end])

    def has_digests(self, index: int, sha256: str | None, value_sha256: str | None) -> bool:
        """Tell whether an entry has two digests: twice as fast as comparing those it gives."""
        start = 2 * _DIGEST * index
        found = self._digests[start : start + 2 * _DIGEST]
        return found == _packed(sha256) + _packed(value_sha256)

    def __len__(self) -> int:
        return len(self._kinds)

    def __getitem__(self, index: int) -> FileEntry:
        kind = _KINDS[self._kinds[index]]
        what = (self._names[index], kind, self._sizes[index], self._times[index])
        return FileEntry(*what, *self.digests(index))

    def __iter__(self) -> Iterator[FileEntry]:
        kinds = map(_KINDS.__getitem__, self._kinds)
        starts = range(0, len(self._digests), _DIGEST)
        digests = (_unpacked(self._digests[start : start + _DIGEST]) for start in starts)
        # Taken from twice a row: the digest of the bytes, then that of the value.
        rows = zip(self._names, kinds, self._sizes, self._times, digests, digests, strict=True)
        return map(FileEntry._make, rows)


def _packed(digest: str | None) -> bytes:
    return _NO_DIGEST if digest is None else bytes.fromhex(digest)


def _unpacked(packed: bytearray) -> str | None:
    return packed.hex() if packed != _NO_DIGEST else None
