"""Locks between lab commands on one machine: held by the kernel, so they die with their holder."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from lab import progress
from lab.place import LabError

WAIT_SECONDS = 600.0


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: enough for an operator to wait for it or to end it."""

    pid: int
    checkout: str
    command: str

    def __str__(self) -> str:
        return f"`{self.command}` of {self.checkout} (process {self.pid})"


@contextmanager
def flocked(path: Path, reason: str) -> Iterator[None]:
    """Hold an exclusive lock, waiting for another holder and saying ``reason`` while doing so.

    Raises:
        LabError: still held after ten minutes.
    """
    with path.open("a+") as file:
        if not _try(file, fcntl.LOCK_EX):
            with progress.step(f"waiting: {reason}"):
                _wait(file, reason, fcntl.LOCK_EX)
        yield


def _wait(file: IO[str], reason: str, kind: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not _try(file, kind):
        if time.monotonic() > deadline:
            raise LabError(f"gave up after {WAIT_SECONDS:.0f} s: {reason}")
        time.sleep(0.2)


def _try(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holder_of(path: Path) -> Holder | None:
    """Who holds a lock now, or None when it is free."""
    try:
        with path.open("r") as file:
            if _try(file, fcntl.LOCK_EX):
                return None
            return Holder(**json.loads(file.read()))
    except FileNotFoundError:
        return None
    except ValueError:
        return Holder(0, "an unknown checkout", "an unknown command")


@contextmanager
def held(path: Path, checkout: Path) -> Iterator[bool]:
    """Try to hold a lock in this command's name; yields whether it could be had."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a+") as file:
        mine = _try(file, fcntl.LOCK_EX)
        if mine:
            _sign(file, checkout)
        yield mine


@contextmanager
def shared(path: Path, checkout: Path) -> Iterator[None]:
    """Hold a lock together with other work of the same checkout.

    Raises:
        LabError: it is held exclusively for ten minutes.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a+") as file:
        _wait(file, f"the lab is being taken over, see {path}", fcntl.LOCK_SH)
        _sign(file, checkout)
        yield


def _sign(file: IO[str], checkout: Path) -> None:
    me = Holder(os.getpid(), str(checkout), " ".join(sys.argv))
    file.truncate(0)
    file.write(json.dumps(asdict(me)))
    file.flush()


@contextmanager
def command(path: Path, checkout: Path) -> Iterator[None]:
    """One command on the lab at a time: waits for one of the same checkout, not for another's.

    Raises:
        LabError: a command of another checkout is at work, or one of this for ten minutes.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    said = False
    while True:
        with held(path, checkout) as mine:
            if mine:
                yield
                return
        holder = holder_of(path)
        foreign = holder is not None and holder.checkout != str(checkout)
        if holder and (foreign or time.monotonic() > deadline):
            raise LabError(
                f"the lab is in use by {holder}; wait for it, or end it with: kill {holder.pid}"
            )
        if holder and not said:
            progress.say(f"waiting for {holder}")
            said = True
        time.sleep(0.2)
