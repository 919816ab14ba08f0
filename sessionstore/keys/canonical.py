"""The canonical form of a value from its text, without building the value where that is safe.

Building every object in Python takes half the time of an import. The text that Baileys itself
writes differs from the canonical form by the order of its names only, and that can be shown
for each text; whatever can't be shown goes through :func:`sessionstore.keys.values.parse`.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from sessionstore.errors import BadFile
from sessionstore.keys.values import (
    BASE64,
    DEEPEST,
    REVIVED,
    canonical,
    digest,
    digest_of_canonical,
    parse,
)

# Complete groups of four, then at most one padded one whose unused bits are zero: what a
# decoder and an encoder give back unchanged.
_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"
_plain_buffers = re.compile(rf'\{{"data":"{_BASE64}","type":"Buffer"\}}').findall


class _NeedsCare(Exception):
    """The text has something that the canonical form writes otherwise."""


def _needs_care(_: str) -> NoReturn:
    raise _NeedsCare


_read = json.JSONDecoder(parse_float=_needs_care, parse_constant=_needs_care).raw_decode
_write = json.JSONEncoder(
    ensure_ascii=True, sort_keys=True, separators=(",", ":"), check_circular=False
).encode


def canonical_of(raw: bytes) -> str:
    """The same as ``canonical(parse(raw))``, with the errors of that."""
    found = _unrewritten(raw)
    return canonical(parse(raw)) if found is None else found


def stored_value_has(raw: bytes, sha256: str | None, revived: frozenset[str] = REVIVED) -> bool:
    """Tell whether a row's value, as a service reads it that revives these Buffers, has a fingerprint."""
    ordered = _in_order(raw) if BASE64 in revived else None
    # The same digest is the same text, so that it is the canonical form needs no further proof.
    if ordered is not None and digest_of_canonical(ordered) == sha256:
        return True
    try:
        return digest(parse(raw, revived)) == sha256
    except BadFile:
        return False


def _in_order(raw: bytes) -> str | None:
    """The text without spaces and with its names in order; None for what needs more than that."""
    if raw.count(b"[") + raw.count(b"{") > DEEPEST:
        return None
    try:
        text = raw.decode("ascii")
        value, end = _read(text)
    except (_NeedsCare, ValueError, RecursionError):
        return None
    return _write(value) if end == len(text) else None


def _unrewritten(raw: bytes) -> str | None:
    found = _in_order(raw)
    # Without a backslash nothing was escaped, so nothing grew. A name twice, white space, an
    # escape that was resolved and -0 each make it shorter: the same length means the same
    # characters in another order.
    if found is None or "\\" in found or len(found) != len(raw):
        return None
    return None if _other_buffers(found) else found


def _other_buffers(text: str) -> bool:
    """Tell whether an object may be a Buffer in a spelling that the canonical form replaces."""
    # No string holds a quotation mark here, so each of these is the name of a member.
    if '"value":' in text or '"0":' in text:
        return True
    named = text.count('"data":')
    return bool(named) and len(_plain_buffers(text)) != named
