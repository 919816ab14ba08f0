"""Runs on the host: bytes that the disk has given to each place, with everything in it.

Arguments: the paths. A path that does not exist is left out of the answer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.host.probes.reading import allocated, walk


def whole(path: Path) -> int:
    """Bytes of a file or of a whole directory; symlinks are not followed."""
    total = path.lstat().st_blocks * 512
    if path.is_symlink() or not path.is_dir():
        return total
    return total + sum(allocated(entry) for _, found in walk(str(path)) for entry in found)


def main() -> None:
    """Print the bytes of each place that exists."""
    places = [path for path in map(Path, sys.argv[1:]) if path.exists() or path.is_symlink()]
    json.dump({str(path): whole(path) for path in places}, sys.stdout)


main()
