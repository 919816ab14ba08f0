"""Runs on the host: files that look like session files, wherever they were moved to.

Arguments: the directories to search; symlinks are not followed, node_modules is passed over. Names
are only a first sieve: the caller applies the grammar.
"""

from __future__ import annotations

import json
import os
import re
import sys

SESSION_FILE = re.compile(
    r"creds\.json|\.baileys-cache\.json"
    r"|(pre-key|session|sender-key|app-state-sync|lid-mapping|device-list|tctoken|identity-key)-.+\.json"
)
PASSED_OVER = ("node_modules", ".git")


def complain(error: OSError) -> None:
    """A directory that can't be read must not look like an empty one."""
    if not isinstance(error, FileNotFoundError):
        raise error


def allocated(name: str, folder: int) -> int:
    """Bytes that the disk has given to a file; none if it went meanwhile."""
    try:
        return os.lstat(name, dir_fd=folder).st_blocks * 512
    except FileNotFoundError:
        return 0


def main() -> None:
    """Print, for each directory, the names and the allocated bytes of what it holds."""
    found = {}
    for top in sys.argv[1:]:
        # On descriptors: a folder that becomes a link meanwhile is not followed.
        for folder, folders, files, opened in os.fwalk(os.path.realpath(top), onerror=complain):
            folders[:] = [name for name in folders if name not in PASSED_OVER]
            names = [name for name in files if SESSION_FILE.fullmatch(name)]
            sizes = {name: allocated(name, opened) for name in names}
            if sizes:
                found[folder] = sizes
    json.dump(found, sys.stdout)


main()
