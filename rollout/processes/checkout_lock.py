"""One at a time from this checkout: toggles would write over each other's YAML, rollouts stage in turn."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from rollout.checkout import ROOT
from rollout.errors import OperatorError

LOCKS = ROOT / ".rollout"


@contextmanager
def only_one(what: str, who: str) -> Iterator[None]:
    """Hold a lock of this checkout, one for each what; it ends with its holder. The next one is told who."""
    LOCKS.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (LOCKS / f"{what.replace(os.sep, '_')}.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise OperatorError(
                f"another {what} is under way ({file.read().strip() or 'unknown'});"
                " nothing was changed.",
                "wait for it to end, then the same command again",
            ) from None
        file.truncate(0)
        file.write(f"{who}, process {os.getpid()}\n")
        file.flush()
        yield
