"""The host's history: one JSON line for every switch, verification, archive and removal."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hostswitch.base import clock
from hostswitch.base.errors import HostError
from hostswitch.base.files import append_line, reserve
from sessionstore.disk.opening import closing

Line = dict[str, Any]

_RESERVED = 1 << 18
"""Bytes set aside for the lines of one rollout; a switch of a hundred companies needs a tenth."""


class HistoryError(HostError):
    """What is about to be done could not be recorded, so it must not be done."""


class History:
    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self) -> list[Line]:
        """All lines, oldest first; one that is ruined, as by a power cut, is skipped."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        return [line for line in map(_parsed, content.splitlines()) if line is not None]

    def reserve(self) -> None:
        """Set space aside for what is about to be recorded: a disk that fills up can't prevent it.

        Raises HistoryError: there is no room for it.
        """
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            with closing(os.open(self._path, flags, 0o600)) as descriptor:
                reserve(descriptor, os.fstat(descriptor).st_size + _RESERVED)
        except OSError as error:
            raise HistoryError(
                f"{self._path} can't be given the space for this switch's record: {error.strerror}; "
                f"nothing was begun. Make room: df -h {self._path.parent}"
            ) from None

    def add(self, event: str, **fields: Any) -> Line:
        """Append a line of plain data, never a secret, and wait until it is on the disk."""
        line = {"event": event, "at": clock.now_text(), **fields}
        self._append(line)
        return line

    def add_once(self, line: Line) -> None:
        """Append a line that a journal already holds, unless it is there (a repeated close)."""
        if line not in self.lines():
            self._append(line)

    def _append(self, line: Line) -> None:
        content = self._path.read_bytes() if self._path.exists() else b""
        torn = content != b"" and not content.endswith(b"\n")
        append_line(self._path, ("\n" if torn else "") + json.dumps(line))


def _parsed(text: bytes) -> Line | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "event" in line else None


REMOVING = "removing"
REMOVED = "removed"
NOT_REMOVED = "not removed"
RESTORED = "restored"
DAILY_CHECK = "daily-check"
