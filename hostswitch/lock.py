"""One switch at a time: an flock, which dies with its holder, with who, when and what inside."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hostswitch.clock import now_text
from hostswitch.errors import LockedError


@contextmanager
def held(path: Path, who: str, what: str) -> Iterator[None]:
    """Hold the host's lock.

    Args:
        path: the lock file; it stays there, the lock is on the open descriptor.
        who: the operator, for the message to another run.
        what: the command and rollout.

    Raises:
        LockedError: another process holds it; the text says who, since when and what.
    """
    # Close-on-exec (Python's default): a PM2 daemon started from here must not inherit the lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _take(descriptor, path)
        text = json.dumps({"who": who, "when": now_text(), "what": what, "pid": os.getpid()})
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(_message(os.pread(descriptor, 4096, 0), path)) from None


def _message(content: bytes, path: Path) -> str:
    try:
        held_by = json.loads(content)
        whose = "{what} by {who} since {when}, pid {pid}".format(**held_by)
    except (ValueError, KeyError, TypeError):
        whose = "another run that is just starting"
    return (
        f"{whose} is at work on this host (lock {path}); nothing was begun. Wait until it has ended, "
        "then run this again. How far it is: baileys-hostswitch status"
    )
