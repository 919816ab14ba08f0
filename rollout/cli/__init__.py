"""The command `rollout` as it is typed, and how its answers are shown."""

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


opened()  # before pyinfra is imported: it asks standard output whether it is a terminal
