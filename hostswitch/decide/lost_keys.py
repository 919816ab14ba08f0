"""Log lines that tell of lost keys: how many before a switch, how many after it. Pure.

A busy service logs some of them on any day, so the gate asks whether there are more, not whether
there are any.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

TEXTS = ("No session record", "Bad MAC", "Invalid PreKey ID")
"""What libsignal logs when a ratchet went back or a key is missing (docs/facts.md section 2)."""

WINDOW_SECONDS = 3600
_BY_CHANCE = 0.01
"""More lines than chance alone brings in one of a hundred switches count as a rise."""

_MANY = 500

_TEXT = re.compile(b"|".join(re.escape(text.encode()) for text in TEXTS))
_ISO = re.compile(rb"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:?\d\d)?")
# pino, Baileys' own logger, writes milliseconds since 1970.
_MILLISECONDS = re.compile(rb'"time":(\d{13})\b')


@dataclass(frozen=True)
class Rate:
    """So many lines in so many minutes; None: over how long is not known."""

    lines: int
    minutes: float | None

    def __str__(self) -> str:
        if self.minutes is None:
            return f"{self.lines} in a time not known"
        return f"{self.lines} in {self.minutes:.1f} min"


def count(log: bytes) -> int:
    return sum(1 for line in log.splitlines() if _TEXT.search(line))


def before(log: bytes, now: float, since: float | None) -> Rate:
    """The rate in a log's last hour; in all of it, where its lines carry no time.

    `since` is when the file was made, if this is all of it; the rate is then at least that high.
    """
    times = list(_timed(log))
    known = [when for when, _ in times if when is not None]
    if not known:
        return Rate(count(log), None if since is None else round((now - since) / 60, 1))
    start = max(known[0], now - WINDOW_SECONDS)
    lines = sum(1 for when, line in times if when and when >= start and _TEXT.search(line))
    return Rate(lines, round((now - start) / 60, 1))


def allowed(rate: Rate, minutes: float) -> int:
    """How many lines are no rise: the least count that chance exceeds in less than one of a hundred cases."""
    if not rate.lines or not rate.minutes or rate.minutes <= 0:
        return 0
    expected = rate.lines / rate.minutes * minutes
    if expected > _MANY:
        return math.ceil(expected + 2.33 * math.sqrt(expected))  # the same share of a normal curve
    least, chance = 0, math.exp(-expected)
    covered = chance
    while covered < 1 - _BY_CHANCE:
        least += 1
        chance *= expected / least
        covered += chance
    return least


def _timed(log: bytes) -> Iterator[tuple[float | None, bytes]]:
    """Each line with its time, seconds since 1970."""
    last = None
    for line in log.splitlines():
        last = _time_of(line) or last
        yield last, line


def _time_of(line: bytes) -> float | None:
    if found := _MILLISECONDS.search(line):
        return int(found[1]) / 1000
    if not (found := _ISO.search(line)):
        return None
    day, clock, zone = (part.decode() if part else "" for part in found.groups())
    offset = (
        "+00:00" if zone == "Z" else zone if ":" in zone or not zone else f"{zone[:3]}:{zone[3:]}"
    )
    try:
        return datetime.fromisoformat(f"{day}T{clock}{offset}").timestamp()
    except ValueError:
        return None
