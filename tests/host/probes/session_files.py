"""Runs on the host: files that look like session files, wherever they were moved to.

Symlinks are not followed, node_modules is passed over. Names are only a first sieve: the caller applies
the grammar.
"""

from __future__ import annotations

import os
import re

from tests.host.probes.reading import allocated, walk

SESSION_FILE = re.compile(
    r"creds\.json|\.baileys-cache\.json"
    r"|(pre-key|session|sender-key|app-state-sync|lid-mapping|device-list|tctoken|identity-key)-.+\.json"
)
PASSED_OVER = ("node_modules", ".git")


def answer(*directories: str) -> dict[str, dict[str, int]]:
    """For each directory at or below those: the names and the allocated bytes of what it holds."""
    found = {}
    for top in directories:
        for folder, entries in walk(os.path.realpath(top), PASSED_OVER):
            named = [entry for entry in entries if SESSION_FILE.fullmatch(entry.name)]
            sizes = {
                one.name: allocated(one) for one in named if not one.is_dir(follow_symlinks=False)
            }
            if sizes:
                found[folder] = sizes
    return found
