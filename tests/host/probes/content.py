"""Runs on the host: the last bytes of some files."""

from __future__ import annotations

import base64
import os

from tests.host.probes.reading import opened


def end_of(path: str, most: int) -> dict[str, object]:
    """The end of one file and how large it is, or why it can't be read."""
    try:
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - most))
            return {"size": size, "end": base64.b64encode(file.read(most)).decode()}
    except OSError as error:
        return {"problem": error.strerror or str(error)}


def answer(most: str, *paths: str) -> dict[str, dict[str, object]]:
    """All of them, of each so many bytes at most."""
    return {path: end_of(path, int(most)) for path in paths}
