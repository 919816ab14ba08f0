"""The journal of one switch: JSON lines, each on the disk before the act that it announces.

A line is (step, mark): `intent` before a step's first act, `done` after its last, and a few marks
between acts of one step. After a kill or a power cut the lines tell `recovery` where it stopped.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hostswitch.base import clock
from hostswitch.base.errors import HostError
from hostswitch.base.files import open_for_update, open_regular, reserve, sync_directory, write_all
from hostswitch.base.output import progress
from hostswitch.base.places import Places

OPEN = "open"
READY = "ready"
STOPPED = "stopped"
SET_ASIDE = "set-aside"
IMPORTED = "imported"
SWAPPED = "swapped"
ACTIVE = "active"
HEALTHY = "healthy"
UNDONE = "put-back"
CLOSED = "closed"

STEPS = (READY, STOPPED, SET_ASIDE, IMPORTED, SWAPPED, ACTIVE, HEALTHY)
"""The rows of the table in docs/switch.md."""

_RESERVED = 1 << 20
"""Bytes set aside for a journal when it is opened; one of a hundred companies needs a tenth."""


class JournalError(HostError):
    """The journal can't be trusted."""


@dataclass(frozen=True)
class Entry:
    """One line; `data` is what later steps and recovery need to know."""

    step: str
    mark: str
    moment: clock.Moment
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def instant(self) -> str:
        return f"{self.mark}:{self.step}"


class Journal:
    """The journal file, open for appending.

    A last line that a power cut tore is dropped: its act, if it was an intent, has not begun, and acts
    are repeatable if it was not.
    """

    def __init__(self, places: Places) -> None:
        self._path = path = places.journal
        self._drill = places.drill
        self.entries: list[Entry] = read(path)
        self._descriptor = open_for_update(path)
        self._length = _complete_length(path.read_bytes())
        try:
            os.ftruncate(self._descriptor, self._length)
            reserve(self._descriptor, _RESERVED)
        except OSError as error:
            if self.entries:
                return  # What was begun must be ended, with that or without.
            os.close(self._descriptor)
            raise JournalError(
                f"{path} can't be given the space that it may need: {error.strerror}. "
                f"Make room: df -h {path.parent}"
            ) from None
        sync_directory(path.parent)

    def mark(self, step: str, mark: str, **data: Any) -> Entry:
        """Append a line of plain data, never a secret, and wait until it is on the disk.

        Raises JournalError: it could not be written, so what it announces must not be done.
        """
        entry = Entry(step, mark, clock.now(), data)
        line = (json.dumps(_as_json(entry)) + "\n").encode()
        try:
            os.lseek(self._descriptor, self._length, os.SEEK_SET)
            write_all(self._descriptor, line)
            os.fsync(self._descriptor)
        except OSError as error:
            # A part of a line would ruin the next one, such as the put back's.
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._length)
            raise JournalError(
                f"{self._path} can't be written ({error.strerror}): {entry.instant} was not begun. "
                f"See: findmnt -T {self._path.parent}; df -h {self._path.parent}"
            ) from None
        self._length += len(line)
        self.entries.append(entry)
        self._die_where_drilled(entry.instant)
        return entry

    def tell(self, step: str, mark: str, **data: Any) -> Entry:
        """Append a line that what follows does not wait for: a broken disk keeps no service down.

        Only for acts that look first, where the lines before ask for the same acts once more.
        """
        try:
            return self.mark(step, mark, **data)
        except JournalError as error:
            progress(str(error).replace("was not begun", "goes on without"))
            entry = Entry(step, mark, clock.now(), data)
            self.entries.append(entry)
            return entry

    def _die_where_drilled(self, instant: str) -> None:
        """A fault drill: die by SIGKILL, once, right after the line that a file of root's alone names."""
        drill = open_regular(self._drill)
        if drill is None:
            return
        with drill:
            found = os.fstat(drill.fileno())
            ours = found.st_uid == os.geteuid() and not found.st_mode & 0o022
            wanted = drill.read(100).decode("ascii", "replace").strip()
        if ours and wanted == instant:
            self._drill.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def last(self, step: str, mark: str) -> Entry | None:
        return find(self.entries, step, mark)

    def remove(self) -> None:
        os.close(self._descriptor)
        os.unlink(self._path)
        sync_directory(self._path.parent)


def read(path: Path) -> list[Entry]:
    """The journal's lines, if there are any. Raises JournalError: a line other than the last is ruined."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    lines = content[: _complete_length(content)].splitlines()
    entries = []
    for number, line in enumerate(lines, 1):
        try:
            entries.append(_from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            raise JournalError(
                f"line {number} of {path} is no journal line. Nothing was done: how far the switch "
                f"came can't be told. See what runs (pm2 ls, as the service's user) and what lies "
                f"in .set-aside; once that is as it should be: mv {path} {path}.ruined"
            ) from None
    return entries


def find(entries: Sequence[Entry], step: str, mark: str) -> Entry | None:
    return next((e for e in reversed(entries) if (e.step, e.mark) == (step, mark)), None)


def _complete_length(content: bytes) -> int:
    """Bytes up to the last line end that follows a whole JSON object."""
    end = content.rfind(b"\n") + 1
    last = content[:end].splitlines()[-1:]
    try:
        json.loads(last[0]) if last else None
    except ValueError:
        return end - len(last[0]) - 1
    return end


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "at": clock.text(entry.moment.wall),
        "step": entry.step,
        "mark": entry.mark,
        **asdict(entry.moment),
        "data": dict(entry.data),
    }


def _from_json(line: dict[str, Any]) -> Entry:
    moment = clock.Moment(float(line["wall"]), float(line["since_boot"]), line["boot"])
    if not isinstance(line["data"], dict):
        raise TypeError
    return Entry(line["step"], line["mark"], moment, line["data"])


def demand_none_open(places: Places) -> None:
    """Refuse what must not be done beside a switch that was cut off."""
    if is_open(places):
        raise HostError("a switch is open here; end it first: baileys-hostswitch resume")


def is_open(places: Places) -> bool:
    return bool(read(places.journal))
