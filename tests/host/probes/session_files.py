"""Runs on the host: files that look like session files, wherever they were moved to.

Arguments: the directories to search; symlinks are not followed, node_modules is passed over. Names
are only a first sieve: the caller applies the grammar.
"""

from __future__ import annotations

import json
import os
import re
import sys

from tests.host.probes.reading import allocated, walk

SESSION_FILE = re.compile(
    r"creds\.json|\.baileys-cache\.json"
    r"|(pre-key|session|sender-key|app-state-sync|lid-mapping|device-list|tctoken|identity-key)-.+\.json"
)
PASSED_OVER = ("node_modules", ".git")


def main() -> None:
    """Print, for each directory, the names and the allocated bytes of what it holds."""
    found = {}
    for top in sys.argv[1:]:
        for folder, entries in walk(os.path.realpath(top), PASSED_OVER):
            named = [entry for entry in entries if SESSION_FILE.fullmatch(entry.name)]
            sizes = {
                one.name: allocated(one) for one in named if not one.is_dir(follow_symlinks=False)
            }
            if sizes:
                found[folder] = sizes
    json.dump(found, sys.stdout)


main()
