"""Chain keys of the Signal protocol: whether a later one comes from an earlier one. Pure: no I/O.

A chain steps by HMAC-SHA256, so with the file's key in hand the database's can be computed: no
writer but the ratchet's own gets there. Seen in libsignal 6.0.0 (``fillMessageKeys``) and in
Signal/Group/sender-chain-key.js of Baileys 7.0.0-rc14.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection

from sessionstore.keys.values import Value, from_base64

_LENGTH = 32
_MESSAGE, _CHAIN = b"\x01", b"\x02"
#: More steps than that took no account; it bounds the time that a row can cost.
MOST_STEPS = 1_000_000
# Random keys have about 30 different bytes; one that was wiped has one or two.
_FEWEST_BYTES = 8


def octets(value: Value) -> bytes | None:
    """The bytes of a Buffer, or of base64 text; None for anything else."""
    if isinstance(value, str):
        return from_base64(value)
    return value if isinstance(value, bytes) else None


def real_key(value: Value) -> bytes | None:
    """The 32 bytes of a chain key; None for what is no such key."""
    found = octets(value)
    return found if found is not None and len(found) == _LENGTH else None


def as_whole(mine: Value, theirs: Value) -> bool:
    """Tell whether a secret of the database is of the file's form: not gone, shortened or wiped."""
    if not mine:
        return True
    before, after = octets(mine), octets(theirs)
    if before is None or len(before) < _LENGTH:
        return bool(theirs) and isinstance(theirs, (str, bytes))
    wiped = after is not None and len(set(after)) < min(_FEWEST_BYTES, len(set(before)))
    return after is not None and len(after) == len(before) and not wiped


def steps_from(key: bytes, steps: int, wanted: Collection[int]) -> tuple[bytes, dict[int, bytes]]:
    """Step a chain on, at most MOST_STEPS; gives its key, and the message keys of wanted steps, from 1 on."""
    kept: dict[int, bytes] = {}
    for step in range(1, steps + 1):
        if step in wanted:
            kept[step] = hmac.digest(key, _MESSAGE, "sha256")
        key = hmac.digest(key, _CHAIN, "sha256")
    return key, kept
