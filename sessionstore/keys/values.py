"""Key values: parsing them exactly, and telling whether two of them mean the same.

Baileys has written Buffers in four spellings, and ``jsonb`` reorders keys and rewrites
numbers, so texts can't be compared. A value is therefore parsed into plain Python, Buffers
as ``bytes`` and whole numbers as ``int``, and written in one canonical form, which is also
what goes into the database (docs/facts.md section 2, "Values"). The standard ``json`` module is
used because it keeps integers beyond 64 bits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from decimal import Decimal
from functools import lru_cache, partial
from typing import NoReturn, Union

from sessionstore.errors import BadFile, half_a_pair

Value = Union[None, bool, int, float, str, bytes, "list[Value]", "dict[str, Value]"]

LARGEST_FILE = 16 * 1024 * 1024
DEEPEST = 200
LONGEST_NUMBER = 4000

#: How Buffers were ever spelled: ``{"type":"Buffer","data":…}`` with base64 or with a list of numbers,
#: with ``buffer`` for ``type`` or ``value`` for ``data``, or ``{"0":1,"1":2}``.
BASE64, ARRAY, MARKED, NUMBERED = "base64", "array", "marked", "numbered"
SPELLINGS = frozenset((BASE64, ARRAY, MARKED, NUMBERED))
#: Those that a service's reader makes a Buffer of, unless it is known to take more. Measured: 7.0.0-rc14
#: revives base64 and numbered, 6.x all but numbered; which of them reads is not known here.
REVIVED = frozenset((BASE64,))

_BUFFER_KEYS = (
    {"type", "data"},
    {"type", "value"},
    {"buffer", "data"},
    {"buffer", "value"},
    {"type", "buffer", "data"},
)


def parse(raw: bytes, revived: frozenset[str] = SPELLINGS) -> Value:
    """Parse a key file's content, or a row's value as text; Buffers not ``revived`` stay objects.

    BadFile: it is not JSON as Node.js reads it, or holds what would be lost: a name twice in one
    object, a number that no double holds, too deep nesting.
    """
    text = _text(raw)
    if raw.count(b"[") + raw.count(b"{") > DEEPEST:
        _check_depth(text)
    try:
        return _decoder(revived).decode(text)  # type: ignore[no-any-return]
    except json.JSONDecodeError as error:
        raise BadFile(*_syntax(text, error)) from None
    except RecursionError:
        raise BadFile("nested too deep", f"more than {DEEPEST} levels") from None
    except ValueError:
        # int() itself refuses more than 4,300 digits.
        raise BadFile("number too long", f"more than {LONGEST_NUMBER} digits") from None


def _text(raw: bytes) -> str:
    if not raw.strip(b" \t\r\n"):
        raise BadFile("empty", f"{len(raw)} bytes")
    if raw.startswith(b"\xef\xbb\xbf"):
        # JSON.parse in Node.js refuses it, so Baileys reads the key as missing.
        raise BadFile("byte order mark", "Baileys reads such a file as missing")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadFile("not UTF-8", f"at byte {error.start}") from None


def _syntax(text: str, error: json.JSONDecodeError) -> tuple[str, str]:
    if error.msg == "Extra data":
        return "trailing garbage", f"after character {error.pos}"
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
        return "truncated", f"ends at character {len(text)}"
    return "not JSON", f"at character {error.pos}"


def _check_depth(text: str) -> None:
    depth = 0
    inside = escaped = False
    for char in text:
        if inside:
            inside = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            inside = True
        elif char in "[{":
            depth += 1
            if depth > DEEPEST:
                raise BadFile("nested too deep", f"more than {DEEPEST} levels")
        elif char in "]}":
            depth -= 1


def _object(revived: frozenset[str], pairs: list[tuple[str, Value]]) -> Value:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadFile("duplicate key", "one object holds the same name twice")
    if "data" in found or "value" in found:
        data = _named_buffer(found)
    elif "0" in found:
        data = _numbered_buffer(found)
    else:
        return found
    if data is None or revived is SPELLINGS:
        return found if data is None else data
    spelling = _spelling(found)
    if spelling in revived:
        return data
    # As it stands it would be written like the Buffer that it is not to that reader.
    return {**found, "data": list(data)} if spelling == BASE64 else found


def _named_buffer(found: dict[str, Value]) -> bytes | None:
    if found.keys() not in _BUFFER_KEYS:
        return None
    if found.get("type", "Buffer") != "Buffer" or found.get("buffer", True) is not True:
        return None
    data = found.get("data", found.get("value"))
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return from_base64(data)
    return _octets(data) if isinstance(data, list) else None


def _numbered_buffer(found: dict[str, Value]) -> bytes | None:
    try:
        return _octets([found[str(index)] for index in range(len(found))])
    except KeyError:
        return None


def _octets(numbers: list[Value]) -> bytes | None:
    for number in numbers:
        if type(number) is not int or not 0 <= number <= 255:
            return None
    return bytes(numbers)  # type: ignore[arg-type]


def from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _float(literal: str) -> int | float:
    """Read 1.0 and 1e3 as whole numbers: jsonb may give them back either way."""
    exact = Decimal(literal)
    if exact.is_zero():
        return 0
    if abs(exact.adjusted()) > LONGEST_NUMBER or len(literal) > LONGEST_NUMBER:
        raise BadFile("number too long", f"more than {LONGEST_NUMBER} digits")
    if exact == exact.to_integral_value():
        return int(exact)
    nearest = float(exact)
    if Decimal(repr(nearest)) != exact:
        raise BadFile("number too precise", "no double holds it; Node.js would round it")
    return nearest


def _constant(name: str) -> NoReturn:
    raise BadFile("not JSON", f"{name} is not a JSON value")


def _spelling(found: dict[str, Value]) -> str:
    if found.keys() == {"type", "data"}:
        return BASE64 if isinstance(found["data"], str) else ARRAY
    return NUMBERED if "0" in found else MARKED


@lru_cache
def _decoder(revived: frozenset[str]) -> json.JSONDecoder:
    build = partial(_object, revived)
    return json.JSONDecoder(object_pairs_hook=build, parse_float=_float, parse_constant=_constant)


def _default(value: object) -> object:
    if isinstance(value, bytes):
        return {"data": base64.b64encode(value).decode("ascii"), "type": "Buffer"}
    raise TypeError(f"not a value: {type(value).__name__}")


_CANONICAL = json.JSONEncoder(
    ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_default
).encode


def canonical(value: Value) -> str:
    """Write a value as ASCII JSON: keys sorted, no spaces, Buffers in the one form every Baileys revives."""
    return _CANONICAL(value)


def unrevived(raw: bytes, revived: frozenset[str] = REVIVED) -> bool:
    """Tell whether a row holds a Buffer in a spelling beyond :data:`REVIVED`: an object to its reader."""
    return canonical(parse(raw)) != canonical(parse(raw, revived))


def digest(value: Value) -> str:
    return digest_of_canonical(_CANONICAL(value))


def digest_of_canonical(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def jsonb_problem(canonical_text: str) -> str | None:
    """Why a ``jsonb`` column would refuse a value that loads into ``json``: errors 22P05 and 22P02."""
    # Only non-ASCII and control characters are written as \u, so most values end here.
    if "\\u" not in canonical_text:
        return None
    for string in _strings(json.loads(canonical_text)):
        if "\x00" in string:
            return "holds a NUL character, which jsonb can't store"
        if half_a_pair(string):
            return "holds half a surrogate pair (a cut emoji), which jsonb can't store"
    return None


def _strings(value: Value) -> list[str]:
    found: list[str] = []
    waiting: list[Value] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            found.extend(item)
            waiting.extend(item.values())
    return found
