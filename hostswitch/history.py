"""The host's history: one JSON line for every switch, verification, archive and removal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hostswitch import clock
from hostswitch.disk import append_line

Line = dict[str, Any]


class History:
    """The file `history.jsonl` under the state directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self) -> list[Line]:
        """All lines, oldest first; a line that a power cut tore is skipped."""
        try:
            content = self._path.read_text()
        except FileNotFoundError:
            return []
        return [line for line in map(_parsed, content.splitlines()) if line is not None]

    def add(self, event: str, **fields: Any) -> Line:
        """Append a line and wait until it is on the disk.

        Args:
            event: "switch", "paired", "verified", "archived", "backup", "removed".
            fields: plain data; never a secret.

        Returns:
            The line with its time.
        """
        line = {"event": event, "at": clock.now_text(), **fields}
        self._append(line)
        return line

    def add_once(self, line: Line) -> None:
        """Append a line that a journal already holds, unless it is there (a repeated close)."""
        if line not in self.lines():
            self._append(line)

    def _append(self, line: Line) -> None:
        torn = self._path.exists() and not self._path.read_bytes().endswith(b"\n")
        append_line(self._path, ("\n" if torn else "") + json.dumps(line))


def _parsed(text: str) -> Line | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
