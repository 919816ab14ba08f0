"""One switch at a time: an flock, which dies with its holder, with who, when and what inside."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hostswitch.base.clock import now_text
from hostswitch.base.errors import LockedError
from hostswitch.base.files import open_for_update
from hostswitch.base.output import progress
from sessionstore.disk.opening import closing

_LOOK_SECONDS = 1


@contextmanager
def held(path: Path, who: str, what: str, *, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the host's lock, on the open descriptor: the file stays. Raises LockedError: another does."""
    # Close-on-exec (Python's default): a PM2 daemon started from here must not inherit the lock.
    with closing(open_for_update(path)) as descriptor:
        _take(descriptor, path, time.monotonic() + wait_seconds)
        text = json.dumps({"who": who, "when": now_text(), "what": what, "pid": os.getpid()})
        with suppress(OSError):  # A full disk keeps no switch open.
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, text.encode(), 0)
        yield


def _take(descriptor: int, path: Path, end: float) -> None:
    told = ""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            whose = _holder(os.pread(descriptor, 4096, 0))
            if time.monotonic() >= end:
                raise LockedError(
                    f"{whose} is at work on this host (lock {path}); nothing was begun. Wait until it "
                    "has ended, then run this again. How far it is: baileys-hostswitch status"
                ) from None
            if whose != told:
                progress(f"wait for {whose}")
            told = whose
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _holder(content: bytes) -> str:
    try:
        return "{what} by {who} since {when}, pid {pid}".format(**json.loads(content))
    except (ValueError, KeyError, TypeError):
        return "another run that is just starting"
