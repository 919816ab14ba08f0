"""Telling the host program to end while it is at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .world import SERVICE, World


def told_to_end(
    world: World,
    command: str,
    plan: dict[str, Any],
    reached: Callable[[], bool],
    number: signal.Signals,
) -> tuple[int, str, dict[str, Any]]:
    """Run a command, and send a signal as soon as something is so; exit code, words, result."""
    started = subprocess.Popen(
        [*world.program(), command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=SERVICE.parents[3],
        # Where the tests run in the background, Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert started.stdin
    started.stdin.write(json.dumps(plan).encode())
    started.stdin.close()
    started.stdin = None
    until(lambda: reached() or started.poll() is not None)
    # nsenter itself waits for the program.
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    if started.poll() is None and (program := children.read_text()):
        os.kill(int(program), number)
    told, said = started.communicate(timeout=60)
    return started.returncode, said.decode(), json.loads(told.splitlines()[-1])


def until(reached: Callable[[], bool]) -> None:
    """Wait for something, without a moment's delay."""
    give_up = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < give_up
        time.sleep(0.0002)
