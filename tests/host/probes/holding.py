"""Runs on the host: which files hold the text that comes on standard input."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.host.probes.reading import opened

PIECE = 1 << 20


def holds(path: Path, text: bytes) -> bool:
    """Whether a file holds the text, however large it is."""
    with opened(path) as file:
        left, kept = os.fstat(file.fileno()).st_size, b""
        while left > 0 and (piece := file.read(min(left, PIECE))):
            if text in kept + piece:
                return True
            left, kept = left - len(piece), (kept + piece)[-len(text) :]
    return False


def answer(*paths: str) -> dict[str, list[str]]:
    """The files that hold it, and those that could not be looked through.

    Of each path, every file in its directory whose name begins with its own counts, as a rotation
    names them.
    """
    text = sys.stdin.buffer.read()
    found: list[str] = []
    unread: list[str] = []
    for path in map(Path, paths):
        rotated = [one for one in path.parent.iterdir() if one.name.startswith(path.name)]
        for file in sorted(rotated):
            try:
                found += [str(file)] if holds(file, text) else []
            except OSError as error:
                unread.append(f"{file}: {error.strerror or error}")
    return {"found": found, "unread": unread}
