"""Runs on the host: what some files hold."""

import base64
import os
import sys
from pathlib import Path

from tests.host.probes.reading import opened

PIECE = 1 << 20


def ends(most: str, *paths: str) -> dict[str, dict[str, object]]:
    """Of each file its end, so many bytes at most, and how large it is; or why it can't be read."""
    return {path: end_of(path, int(most)) for path in paths}


def end_of(path: str, most: int) -> dict[str, object]:
    try:
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - most))
            return {"size": size, "end": base64.b64encode(file.read(most)).decode()}
    except OSError as error:
        return {"problem": error.strerror or str(error)}


def holding(*paths: str) -> dict[str, list[str]]:
    """The files that hold the text on standard input, and those that could not be looked through.

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


def holds(path: Path, text: bytes) -> bool:
    """Whether a file holds the text, however large it is."""
    with opened(path) as file:
        left, kept = os.fstat(file.fileno()).st_size, b""
        while left > 0 and (piece := file.read(min(left, PIECE))):
            if text in kept + piece:
                return True
            left, kept = left - len(piece), (kept + piece)[-len(text) :]
    return False
