"""What a host says, as JSON: read strictly where it comes in. Pure.

A host may be broken, of another version, or hostile: what it says is its own failure, never the rollout's.
"""

import json
import math
from typing import Any

DEEPEST = 20
"""Levels of a value in another; what reads or copies them is recursive."""

LARGEST = 8_000_000
"""Bytes or characters of one answer; parsed it may take twenty times that. A manifest is no answer."""


class UnreadableError(ValueError):
    """It is no JSON object, or one that no program here would write."""


def object_in(line: str) -> dict[str, Any]:
    """The JSON object that a line is. Raises UnreadableError: it is none."""
    if len(line) > LARGEST:
        raise UnreadableError(f"more than {LARGEST // 1_000_000} MB of JSON: {line[:80]}")
    try:
        found = json.loads(line, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"no JSON ({error}): {line[:80]}") from None
    if not isinstance(found, dict):
        raise UnreadableError(f"no JSON object: {line[:80]}")
    if _deeper_than(found, DEEPEST):
        raise UnreadableError(f"JSON more than {DEEPEST} levels deep: {line[:80]}")
    return found


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text[:20]} is no number")


def _deeper_than(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inside) and (levels == 0 or any(_deeper_than(one, levels - 1) for one in inside))
