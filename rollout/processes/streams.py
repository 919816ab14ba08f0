"""Standard streams as a caller leaves them: closed, on a full disk, a pipe that nobody reads any more."""

from __future__ import annotations

import os
import sys

STDIN, STDOUT, STDERR = 0, 1, 2


def opened() -> None:
    """Lead those that are closed to nowhere; the next pipe would be taken for standard output."""
    while os.open(os.devnull, os.O_RDWR) <= STDERR:
        pass
    sys.stdin = sys.stdin or os.fdopen(STDIN)
    sys.stdout = sys.stdout or os.fdopen(STDOUT, "w")
    sys.stderr = sys.stderr or os.fdopen(STDERR, "w")


def flushed() -> None:
    """Write out what was printed; Python would do it as it ends, with an exit code of its own, 120.

    Raises OSError: it can't be written; what is left of it goes nowhere.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        raise
