"""A file that is damaged: the last byte of an archive is an `x` by itself once in 256 times."""

from __future__ import annotations

from pathlib import Path


def spoil(path: Path) -> None:
    *before, last = path.read_bytes()
    path.write_bytes(bytes([*before, last ^ 1]))
