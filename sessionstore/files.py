"""The files of one directory, in little memory: a company may have a million of them."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from sessionstore.grammar import Key, decode

KEY = "key"
CREDS = "creds"
ARTEFACT = "artefact"
UNKNOWN = "unknown"

_KINDS = (KEY, CREDS, ARTEFACT, UNKNOWN)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_DIGEST = 32
_NO_DIGEST = bytes(_DIGEST)


class FileEntry(NamedTuple):
    """One regular file.

    Attributes:
        name: the bare name; bytes that are not UTF-8 as surrogates (``os.fsdecode``). For
            files outside a company's directory the path below the scanned directory.
        kind: KEY, CREDS, ARTEFACT or UNKNOWN.
        size: in bytes.
        mtime_ns: last change.
        sha256: of the bytes; None where the contents were not read.
        value_sha256: of the canonical value; None where there is none that can be kept.
    """

    name: str
    kind: str
    size: int
    mtime_ns: int
    sha256: str | None = None
    value_sha256: str | None = None

    @property
    def key(self) -> Key | None:
        """What the name stands for; None for anything but a KEY."""
        return decode(self.name) if self.kind == KEY else None


class PackedNames(Sequence[str]):
    """File names one after the other in one buffer: half the memory of a list of texts."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def append(self, name: str) -> None:
        """Add a name.

        Args:
            name: as ``os.scandir`` gives it.
        """
        self._bytes += os.fsencode(name)
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return os.fsdecode(bytes(self._bytes[self._ends[index] : self._ends[index + 1]]))

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def ordered_by(self, numbers: Sequence[int]) -> PackedNames:
        """Put the names into another order.

        Args:
            numbers: one for each name; the name with the smallest comes first.

        Returns:
            The same names.
        """
        count = len(self)
        # One number for both saves a million pairs; the array gives the list back at once.
        mixed = (number * count + index for index, number in enumerate(numbers))
        order = array("Q", (one % count for one in sorted(mixed)))
        found = PackedNames()
        for index in order:
            found._bytes += self._bytes[self._ends[index] : self._ends[index + 1]]
            found._ends.append(len(found._bytes))
        return found


class FileTable(Sequence[FileEntry]):
    """What is known of each of a directory's files: 20 bytes a file, 64 more once it is read.

    Args:
        names: of all files; the entries follow in the same order.

    Attributes:
        names: the same.
    """

    def __init__(self, names: PackedNames) -> None:
        self.names = names
        self._kinds = bytearray()
        self._sizes = array("Q")
        self._times = array("q")
        self._digests = bytearray()

    def append(self, entry: FileEntry) -> None:
        """Add what is known of the next file.

        Args:
            entry: of the first name that has none yet; digests in all of them or in none,
                a missing one among others counts as None.
        """
        if entry.sha256 is not None or self._digests:
            # Files that could not be read before the first that could.
            self._digests += bytes(2 * _DIGEST * len(self._kinds) - len(self._digests))
            self._digests += _packed(entry.sha256) + _packed(entry.value_sha256)
        self._kinds.append(_CODES[entry.kind])
        self._sizes.append(entry.size)
        self._times.append(entry.mtime_ns)

    def count_of(self, kind: str) -> int:
        """Count the files of a kind.

        Args:
            kind: one of this module's.

        Returns:
            How many there are.
        """
        return self._kinds.count(_CODES[kind])

    def first_of(self, kind: str) -> FileEntry | None:
        """Find a file of a kind.

        Args:
            kind: one of this module's.

        Returns:
            The first, or None.
        """
        index = self._kinds.find(_CODES[kind])
        return None if index < 0 else self[index]

    def __len__(self) -> int:
        return len(self._kinds)

    @overload
    def __getitem__(self, index: int) -> FileEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[FileEntry]: ...
    def __getitem__(self, index: int | slice) -> FileEntry | list[FileEntry]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        start = 2 * _DIGEST * index
        return FileEntry(
            self.names[index],
            _KINDS[self._kinds[index]],
            self._sizes[index],
            self._times[index],
            _unpacked(self._digests[start : start + _DIGEST]),
            _unpacked(self._digests[start + _DIGEST : start + 2 * _DIGEST]),
        )

    def __iter__(self) -> Iterator[FileEntry]:
        return (self[index] for index in range(len(self)))


def _packed(digest: str | None) -> bytes:
    return _NO_DIGEST if digest is None else bytes.fromhex(digest)


def _unpacked(packed: bytearray) -> str | None:
    return packed.hex() if packed and packed != _NO_DIGEST else None
