"""The service's log files, as a gate reads them. They are its user's: anything may lie there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from hostswitch.base import child, clock
from hostswitch.base.files import Owner, UnsafeFileError, open_regular, rights_of
from hostswitch.decide import lost_keys
from hostswitch.decide.lost_keys import Rate

_BEFORE_BYTES = 4 << 20
_AFTER_BYTES = 16 << 20
_STAT_SECONDS = 5
_START_BYTES = 1 << 20
"""Of each log: the lines that a start writes stand at its beginning."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Compared:
    """All logs of the apps before and after a start; `unread` says which could not be looked at."""

    before: Rate
    after: Rate
    unread: tuple[str, ...] = ()

    @property
    def risen(self) -> bool:
        return self.after.lines > lost_keys.allowed(self.before, self.after.minutes or 0)

    def as_json(self) -> dict[str, dict[str, float | None]]:
        return {"before": asdict(self.before), "after": asdict(self.after)}


def sizes(paths: Iterable[str], pm2_home: Path, owner: Owner) -> dict[str, int]:
    """Sizes of log files now, all of PM2's too: an app that is started again may get an old one."""
    with rights_of(owner):
        all_logs: list[str] = []
        # A directory that the user can't read has no log of his: no reason not to put back.
        with suppress(OSError):
            all_logs = [str(path) for path in (pm2_home / "logs").glob("*.log")]
        return {path: _size(path) for path in sorted({*paths, *all_logs})}


def rate(paths: Iterable[str], owner: Owner) -> Rate:
    """How often the logs tell of lost keys now, before a switch.

    One log counts an hour and another its whole life: all lines over the longest time is the
    lowest, so the strictest, that they can amount to.
    """
    found = [_rate(path, owner) for path in paths]
    known = [one for one in found if one.minutes is not None]
    longest = max((one.minutes or 0 for one in known), default=None)
    return Rate(sum(one.lines for one in known), longest)


def compare(
    paths: Iterable[str], before: Rate, sizes: Mapping[str, int], minutes: float, owner: Owner
) -> Compared:
    lines, unread, left = 0, [], _AFTER_BYTES
    for path in paths:
        try:
            written = _since(path, sizes.get(path, 0), left + 1, owner)
        except UnsafeFileError as error:
            unread.append(str(error))
            continue
        if len(written) > left:
            unread.append(f"{path}: the end of it; the logs got over {_AFTER_BYTES >> 20} MiB")
        lines += lost_keys.count(written[:left])
        left -= len(written[:left])
    return Compared(before, Rate(lines, round(minutes, 2)), tuple(unread))


def written(paths: Iterable[str], sizes: Mapping[str, int], owner: Owner) -> str:
    """The beginning of what the logs got since a start, colours left out."""
    found = b""
    for path in paths:
        with suppress(UnsafeFileError):
            found += _since(path, sizes.get(path, 0), _START_BYTES, owner) + b"\n"
    return _COLOUR.sub("", found.decode(errors="replace"))


def _rate(path: str, owner: Owner) -> Rate:
    with suppress(UnsafeFileError):
        log = open_regular(path, owner)
        if log is not None:
            with log:
                size = os.fstat(log.fileno()).st_size
                log.seek(max(0, size - _BEFORE_BYTES))
                born = _born(log.fileno()) if size <= _BEFORE_BYTES else None
                return lost_keys.before(log.read(_BEFORE_BYTES), clock.now().wall, born)
    return Rate(0, None)


def _born(descriptor: int) -> float | None:
    """When a file was made. Python's `stat` does not tell; coreutils' says 0 where nobody knows."""
    command = ["stat", "--dereference", "--format=%W", f"/proc/self/fd/{descriptor}"]
    try:
        done = child.run(command, seconds=_STAT_SECONDS, inherits=[descriptor])
        return float(done.output) or None
    except (ValueError, child.EndlessError):
        return None


def _since(path: str, offset: int, most: int, owner: Owner) -> bytes:
    log = open_regular(path, owner)
    if log is None:
        return b""
    with log:
        # A log that is shorter than it was has been rotated: all of it is new.
        log.seek(offset if os.fstat(log.fileno()).st_size >= offset else 0)
        return log.read(most)


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
