"""Runs on the host: bytes that the disk has given to each place, with everything in it."""

from __future__ import annotations

from pathlib import Path

from tests.host.probes.reading import allocated, walk


def whole(path: Path) -> int:
    """Bytes of a file or of a whole directory; symlinks are not followed."""
    total = path.lstat().st_blocks * 512
    if path.is_symlink() or not path.is_dir():
        return total
    return total + sum(allocated(entry) for _, found in walk(str(path)) for entry in found)


def answer(*paths: str) -> dict[str, int]:
    """The bytes of each place that exists."""
    places = [path for path in map(Path, paths) if path.exists() or path.is_symlink()]
    return {str(path): whole(path) for path in places}
