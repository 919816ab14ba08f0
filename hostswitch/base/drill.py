"""Fault drills: die by SIGKILL right after a named journal line, as the lab's tests demand.

A file that only root can write names the instant; it is removed before the kill, so each drill
happens once. It lies under /run, which a reboot empties.
"""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path


class Drill:
    """The drill file; absent on every host that is not being drilled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def at(self, instant: str) -> None:
        """End this process if the drill names this instant: `mark:step` of a journal's line."""
        if self._wanted() == instant:
            self._path.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def _wanted(self) -> str:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return ""
        try:
            found = os.fstat(descriptor)
            writable_by_others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
            if not ours or writable_by_others:
                return ""
            return os.read(descriptor, 100).decode("ascii", "replace").strip()
        finally:
            os.close(descriptor)
