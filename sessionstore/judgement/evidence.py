"""Evidence in the values themselves that the database's copy of a key is the newer one.

A ratchet only moves forward, and its position stands in the value: chain counters in a session,
iterations in a sender key, a version number in the app state, times in a token. Where the position of
the database's copy is not ahead, or it is not the same owner's, it is not newer, whatever any timestamp
says. Pure: no I/O. Formats as libsignal 6 and Baileys 6 and 7 write them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from sessionstore.keys.ratchets import as_whole, octets
from sessionstore.keys.values import Value

# Times of tokens are seconds since 1970, as numbers or as text; ``isTcTokenExpired`` of Baileys
# 7.0.0-rc14 counts in whole weeks and keeps four of them.
_digits = re.compile("[0-9]{1,12}").fullmatch
_WEEK = 604_800
_WEEKS_KEPT = 4
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


def expired(token: Value, now: float) -> bool:
    """Tell whether Baileys would prune a token of a known form by ``now``, seconds since 1970."""
    if not isinstance(token, dict):
        return False
    cutoff = (int(now) // _WEEK - (_WEEKS_KEPT - 1)) * _WEEK
    times = [_time(token, name) for name in ("timestamp", "senderTimestamp")]
    known = [time for time in times if time is not None]
    return bool(known) and all(time < cutoff for time in known)


def compare_tokens(file: Value, database: Value, now: float) -> Finding:
    """Newer only when no time went back and one went on, or it was emptied after it had expired."""
    if not isinstance(file, dict) or not isinstance(database, dict):
        return Finding(False, "not a token of a form that is known here")
    progress = []
    for name in ("timestamp", "senderTimestamp"):
        mine, theirs = _time(file, name), _time(database, name)
        emptied = name == "timestamp" and theirs is None and database.get("token") == b""
        if mine is not None and emptied and expired({name: mine}, now):
            progress.append("emptied when it had expired")
        elif mine is not None and (theirs is None or theirs < mine):
            return Finding(False, f"{name} {mine} in the file, {theirs} in the database")
        elif theirs is not None and (mine is None or theirs > mine):
            progress.append(f"{name} went from {mine} to {theirs}")
    if not progress:
        return Finding(False, "the token differs, but no time in it moved on")
    wiped = "timestamp" not in database and database.get("token") == b""
    if not wiped and "token" in lacking(file, database):
        return Finding(False, "the database's has no token")
    return Finding(True, "; ".join(progress))


def _time(token: dict[str, Value], name: str) -> int | None:
    value = token.get(name)
    if isinstance(value, str) and _digits(value):
        return int(value)
    return value if type(value) is int else None
