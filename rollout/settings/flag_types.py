"""The types of flags: whether a declared value is one of its type, and how the ``.env`` spells it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rollout.settings.types import shown

DURATION = re.compile(r"(\d{1,12})(ms|s|m|h|d)")
MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
# An .env of more than 1 MiB is refused by the host program; this is the longest value that makes sense.
LONGEST_VALUE = 64 * 1024


@dataclass(frozen=True)
class Flag:
    name: str
    type: str
    default: str | None  # the spelled value of environments that do not declare it; None for none
    changes: str  # ``behaviour`` or ``data``
    owner: str
    help: str
    options: Mapping[str, Any]  # what only its type knows: ``values``, ``minimum``, ``pattern`` …
    booleans: Mapping[str, Sequence[str]]  # how true and false may be written

    @property
    def changes_data(self) -> bool:
        return self.changes == "data"

    def problem(self, value: Any) -> str:
        """What is wrong with a declared value, ``must …``; empty if nothing is."""
        try:
            self.spelled(value)
        except ValueError as error:
            return str(error)
        return ""

    def spelled(self, value: Any) -> str:
        """A declared value as the ``.env`` holds it. Raises ValueError: what it must be."""
        text = str(value).lower() if isinstance(value, bool) else value
        if isinstance(text, int):
            text = str(text)
        if not isinstance(text, str):
            raise ValueError(f"must be one value, not {shown(value)}")
        if len(text) > LONGEST_VALUE:
            raise ValueError(f"must be at most 64 KiB long, not {len(text) >> 10}")
        return TYPES[self.type](self, text)


def _boolean(flag: Flag, text: str) -> str:
    written = flag.options.get("written", ("true", "false"))
    for spelled, meaning in zip(written, ("true", "false"), strict=True):
        if text == spelled or text.lower() in flag.booleans[meaning]:
            return str(spelled)
    allowed = [one for meaning in ("true", "false") for one in flag.booleans[meaning]]
    raise ValueError(f"must be true or false ({', '.join(allowed)}), not {shown(text)}")


def _integer(flag: Flag, text: str) -> str:
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise ValueError(f"must be a whole number, not {shown(text)}")
    _demand_within(flag, int(text), text, int)
    return str(int(text))


def _enumeration(flag: Flag, text: str) -> str:
    allowed = [str(value) for value in flag.options["values"]]
    if text not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}, not {shown(text)}")
    return text


def _string(flag: Flag, text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold a NUL character, which no environment can")
    pattern = flag.options.get("pattern", r"[\s\S]*")
    if not re.fullmatch(pattern, text):
        raise ValueError(f"must match {pattern}, not {shown(text)}")
    return text


def _url(flag: Flag, text: str) -> str:
    schemes = flag.options.get("schemes", ("http", "https"))
    try:
        parts = urlsplit(text)
        whole = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or not text.isprintable() or " " in text:
        allowed = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"must be an address that begins with {allowed}, not {shown(text)}")
    return text


def _duration(flag: Flag, text: str) -> str:
    _demand_within(flag, milliseconds(text), text, milliseconds)
    return text


def milliseconds(text: str) -> int:
    """A duration's length. Raises ValueError: it is none."""
    found = DURATION.fullmatch(str(text))
    if not found:
        raise ValueError(f"must be a number and its unit (ms, s, m, h, d), not {shown(text)}")
    return int(found[1]) * MILLISECONDS[found[2]]


def _demand_within(flag: Flag, value: int, text: str, measure: Callable[[Any], int]) -> None:
    least, most = flag.options.get("minimum"), flag.options.get("maximum")
    if least is not None and value < measure(least):
        raise ValueError(f"must be at least {least}, not {text}")
    if most is not None and value > measure(most):
        raise ValueError(f"must be at most {most}, not {text}")


TYPES: dict[str, Callable[[Flag, str], str]] = {
    "boolean": _boolean,
    "integer": _integer,
    "enumeration": _enumeration,
    "string": _string,
    "url": _url,
    "duration": _duration,
}
# What each type may say of itself beside the fields that every flag has.
OPTIONS: dict[str, tuple[str, ...]] = {
    "boolean": ("written",),
    "integer": ("minimum", "maximum"),
    "enumeration": ("values",),
    "string": ("pattern",),
    "url": ("schemes",),
    "duration": ("minimum", "maximum"),
}
