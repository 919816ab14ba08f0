"""Trusted-contact tokens: which of two is the newer, and whether one has expired.

Times are seconds since 1970, as numbers or as text; ``isTcTokenExpired`` of Baileys 7.0.0-rc14
counts in whole weeks and keeps four of them. Pure: no I/O.
"""

from __future__ import annotations

import re

from sessionstore.judgement.evidence import Finding, lacking
from sessionstore.keys.values import Value

_digits = re.compile("[0-9]{1,12}").fullmatch
_WEEK = 604_800
_WEEKS_KEPT = 4


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
