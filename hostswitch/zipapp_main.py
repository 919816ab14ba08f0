"""Entry point of the zipapp, there as `__main__.py`: takes its modules compiled, where they are kept.

A zipapp holds sources, which Python compiles anew at each start: most of a short command's time. What
this host's Python made of them is kept in a second archive (`hostswitch/compiled.py`), found by the hash
of the zipapp, so that it is never that of another version. Nothing of the package is imported before
that: it would come from the zipapp.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys

KEPT = "/var/lib/baileys-rollout/compiled"


def kept_for(program: bytes, folder: str = KEPT) -> str:
    """Where this Python's compiled modules of a zipapp are, once they were kept."""
    digest = hashlib.sha256(program).hexdigest()
    return os.path.join(folder, f"{digest}.{sys.implementation.cache_tag}.zip")


def is_ours(path: str) -> bool:
    """Whether a file is there that nobody but root or this user can have written."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    mine = found.st_uid in (0, os.geteuid())
    return stat.S_ISREG(found.st_mode) and mine and not found.st_mode & 0o022


if __name__ == "__main__":
    with open(sys.path[0], "rb") as own:
        compiled = kept_for(own.read())
    if is_ours(compiled):
        sys.path.insert(0, compiled)

    from hostswitch.cli import main

    sys.exit(main())
