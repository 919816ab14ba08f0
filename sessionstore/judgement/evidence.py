"""Evidence in the values themselves that the database's copy of a key is the newer one.

A ratchet only moves forward, and its position stands in the value: chain counters in a session,
iterations in a sender key, a version number in the app state. Where the position of the database's
copy is not ahead, or it is not the same owner's, it is not newer, whatever any timestamp says. Pure:
no I/O. Formats as libsignal 6 and Baileys 6 and 7 write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sessionstore.keys.ratchets import as_whole, octets
from sessionstore.keys.values import Value

_EMPTY: tuple[Value, ...] = (None, "", b"", {}, [])


class Finding(NamedTuple):
    """Whether it is shown that the database's value is newer, or that its absence is right."""

    shown: bool
    reason: str  # the evidence in words
    way: str = ""  # what would change it, where that is another thing than for its type


class Behind(Exception):
    """The database is behind, not the same owner's, or the two can't be ordered."""


def lacking(file: Mapping[str, Value], database: Mapping[str, Value]) -> list[str]:
    """What a file's object has and the database's has not, or has empty or of another kind."""
    return [
        name
        for name, value in file.items()
        if value not in _EMPTY
        and (database.get(name) in _EMPTY or _kind(database[name]) != _kind(value))
    ]


def _kind(value: Value) -> type:
    """Numbers also stand as text: protobuf's 64-bit ones do."""
    return str if isinstance(value, (int, float)) else type(value)


def compare_versions(file: Value, database: Value) -> Finding:
    """Order two app-state-sync-versions: newer are a higher number and a hash of the file's length."""
    mine, theirs = number(file, "version"), number(database, "version")
    if mine is None or theirs is None:
        return Finding(False, "no version number")
    assert isinstance(file, dict) and isinstance(database, dict)
    gone = [name for name in lacking(file, database) if name != "indexValueMap"]
    if gone:
        return Finding(False, f"the database's lacks {', '.join(gone)}")
    there = database.get("hash")
    # The sum over indexValueMap: all zero only where nothing is in it.
    if not as_whole(file.get("hash"), there) or (
        database.get("indexValueMap") and not any(octets(there) or b"\1")
    ):
        return Finding(False, "the hash in the database is none of that version")
    return Finding(theirs > mine, f"version {mine} in the file, {theirs} in the database")


def member(value: Value, name: str) -> Value:
    return value.get(name) if isinstance(value, Mapping) else None


def number(value: Value, name: str) -> int | None:
    found = member(value, name)
    return found if type(found) is int else None
