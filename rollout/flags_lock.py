"""One toggle at a time from this checkout; two at once would write over each other's YAML."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rollout.errors import OperatorError

LOCK = Path(__file__).resolve().parent.parent / ".rollout" / "flags.lock"


@contextmanager
def one_toggle(who: str) -> Iterator[None]:
    """Hold the lock of this checkout's flags; it ends with its holder, however that ends.

    Args:
        who: whom the next one is told about.

    Raises:
        OperatorError: another toggle is under way.
    """
    LOCK.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with LOCK.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise OperatorError(
                f"another toggle is under way ({file.read().strip() or 'unknown'});"
                " nothing was changed.",
                "wait for it to end, then the same command again",
            ) from None
        file.truncate(0)
        file.write(f"{who}, process {os.getpid()}\n")
        file.flush()
        yield
