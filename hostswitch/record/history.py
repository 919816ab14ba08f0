"""The host's history: one JSON line for every switch, verification, archive and removal.

What the controller has proven comes on standard input, and goes in once it has been understood.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from hostswitch.base import clock
from hostswitch.base.errors import HostError
from hostswitch.base.files import append_line, reserve
from hostswitch.base.structured import Form, PlanError, load, one_of, parsed
from sessionstore.disk.opening import closing

Line = dict[str, Any]
REMOVING = "removing"
REMOVED = "removed"
NOT_REMOVED = "not removed"
RESTORED = "restored"
DAILY_CHECK = "daily-check"

_RESERVED = 1 << 18
"""Bytes set aside for the lines of one rollout; a switch of a hundred companies needs a tenth."""


class HistoryError(HostError):
    """What is about to be done could not be recorded, so it must not be done."""


class History:
    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self) -> list[Line]:
        """All lines, oldest first."""
        try:
            return lines_of(self._path.read_bytes())
        except FileNotFoundError:
            return []

    def reserve(self) -> None:
        """Set space aside for what is to be recorded, against a disk that fills up. Raises HistoryError."""
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


def lines_of(content: bytes) -> list[Line]:
    """The lines of a history; what is none, as after a power cut, is left out."""
    return [line for line in map(_parsed, content.splitlines()) if line is not None]


def _parsed(text: bytes) -> Line | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "event" in line else None


_VERIFICATION, _TOGGLE = "result of a verification", "record of a toggle"


def verification(text: str) -> dict[str, Any]:
    """`rollout_id`, `verified` (every check passed) and any figures beside them. Raises PlanError."""
    fields = parsed(text, _VERIFICATION)
    if not isinstance(fields, dict) or not isinstance(fields.get("verified"), bool):
        raise PlanError(f'the {_VERIFICATION} must be an object with "verified": true')
    if not isinstance(fields.get("rollout_id"), str):
        raise PlanError(f'the {_VERIFICATION} must name its "rollout_id"')
    reserved = {"event", "at"} & fields.keys()
    if reserved:
        raise PlanError(f"the {_VERIFICATION} must not hold {', '.join(sorted(reserved))}")
    return fields


_Change = Annotated[
    Mapping[str, str | None],
    Form("an object of name, from and to", lambda one: one.keys() == {"name", "from", "to"}),
    Form("a change of something that has a name", lambda one: one["name"] is not None),
]


@dataclass(frozen=True)
class Toggle:
    """A toggle of flags that was proven on all its hosts."""

    rollout_id: str
    operator: str
    reason: str
    scope: Annotated[str, one_of("environment", "host")]
    """The host alone: a canary."""
    undoes: str
    """Another toggle's rollout id, or empty."""
    changes: tuple[_Change, ...]
    """As declared before and after, None where it was not declared."""


def toggle(text: str) -> dict[str, Any]:
    return asdict(load(Toggle, text, _TOGGLE))
