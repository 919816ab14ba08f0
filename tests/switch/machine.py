"""Processes of a machine of their own: a pid namespace whose end ends all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

FILL = "cat /dev/zero > {}/others 2> /dev/null || true"
"""Shell that fills up the file system that a directory lies on."""

# The first process of a pid namespace has to reap those whose parents are gone.
_INIT = """
import os, time
print(flush=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.02)
"""


class Machine:
    """Off, until it is powered on.

    The host program refuses to go on where it can't look into every process.
    """

    def __init__(self) -> None:
        self._outer: subprocess.Popen[bytes] | None = None

    def power_on(self) -> None:
        """Start its first process."""
        unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        self._outer = subprocess.Popen(
            [*unshare, sys.executable, "-c", _INIT], stdout=subprocess.PIPE
        )
        assert self._outer.stdout
        self._outer.stdout.readline()

    def power_cut(self) -> bool:
        """End every process at once; gives whether the machine was on."""
        if self._outer is None:
            return False
        self._outer.kill()
        self._outer.wait()
        return True

    def inside(self) -> list[str]:
        """The command that runs another one among its processes and mounts."""
        assert self._outer is not None
        outer = self._outer.pid
        init = Path(f"/proc/{outer}/task/{outer}/children").read_text().strip()
        return ["nsenter", "--target", init, "--pid", "--mount", f"--wd={ROOT}", "--"]
