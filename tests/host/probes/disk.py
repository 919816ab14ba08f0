"""Runs on the host: what lies on its disk. Symlinks are not followed."""

import os
import re
from pathlib import Path

from tests.host.probes.reading import walk

SESSION_FILE = re.compile(
    r"creds\.json|\.baileys-cache\.json"
    r"|(pre-key|session|sender-key|app-state-sync|lid-mapping|device-list|tctoken|identity-key)-.+\.json"
)
PASSED_OVER = ("node_modules", ".git")


def allocated(*paths: str) -> dict[str, int]:
    """The bytes that the disk has given to each place that exists, with everything in it."""
    places = [path for path in map(Path, paths) if path.exists() or path.is_symlink()]
    return {str(path): whole(path) for path in places}


def whole(path: Path) -> int:
    total = path.lstat().st_blocks * 512
    if path.is_symlink() or not path.is_dir():
        return total
    return total + sum(size_of(entry) for _, found in walk(str(path)) for entry in found)


def size_of(entry: os.DirEntry[str]) -> int:
    """Bytes that the disk has given to an entry; none if it went meanwhile."""
    try:
        return entry.stat(follow_symlinks=False).st_blocks * 512
    except FileNotFoundError:
        return 0


def session_files(*directories: str) -> dict[str, dict[str, int]]:
    """For each directory at or below those: what looks like session files, with its allocated bytes.

    Names are only a first sieve: the caller applies the grammar.
    """
    found = {}
    for top in directories:
        for folder, entries in walk(os.path.realpath(top), PASSED_OVER):
            named = [entry for entry in entries if SESSION_FILE.fullmatch(entry.name)]
            sizes = {
                one.name: size_of(one) for one in named if not one.is_dir(follow_symlinks=False)
            }
            if sizes:
                found[folder] = sizes
    return found
