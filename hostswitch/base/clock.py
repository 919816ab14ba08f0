"""Times that survive the process: boot clock within one boot, wall clock across boots."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Moment:
    """An instant: wall clock (seconds since 1970), boot clock (seconds) and which boot."""

    wall: float
    since_boot: float
    boot: str


def now() -> Moment:
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), boot_id())


def elapsed(start: Moment, end: Moment) -> tuple[float, str]:
    """Seconds from start to end and the clock that measured them, "monotonic" or "wall"."""
    if start.boot == end.boot:
        return round(end.since_boot - start.since_boot, 3), "monotonic"
    return round(end.wall - start.wall, 3), "wall"


@cache
def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def text(wall: float) -> str:
    """A wall-clock time as ISO 8601 in UTC, milliseconds included."""
    moment = datetime.fromtimestamp(wall, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_text() -> str:
    return text(time.time())


def seconds(iso: str) -> float:
    """The inverse of `text`."""
    return datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp()
