"""Runs a program to its end: one deadline for all of it, a limit on what it says, nothing of it left.

Imports nothing of this project: its text is also what `rollout verify` sends to a host
(rollout/hosts/root_shell.py).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LARGEST = 8 << 20
_PIECE = 1 << 16


class EndlessError(Exception):
    """A program took too long or said too much, and was ended."""


@dataclass(frozen=True)
class Done:
    code: int
    output: bytes
    errors: bytes


def run(
    command: Sequence[str],
    *,
    seconds: float,
    given: bytes = b"",
    inherits: Sequence[int] = (),
    umask: int = -1,
    **rights: Any,
) -> Done:
    """Run a program, and end whatever it leaves running in its process group.

    What it is `given` lies in memory, so that no full disk or pipe holds it up; `rights` are `env`, `user`,
    `group` and `extra_groups`. Raises EndlessError (too long, or more than LARGEST was said) or OSError.
    """
    with open(os.memfd_create("given"), "w+b", buffering=0) as standard_input:
        standard_input.write(given)
        standard_input.seek(0)
        child = subprocess.Popen(
            command,
            stdin=standard_input,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            umask=umask,
            pass_fds=inherits,
            # A terminal that it inherited could be typed into.
            start_new_session=True,
            **rights,
        )
    return finish(child, seconds)


def finish(child: subprocess.Popen[bytes], seconds: float) -> Done:
    """Hear what a child that leads a session says until it ends, then end its process group (as `run`)."""
    pipes = [pipe.fileno() for pipe in (child.stdout, child.stderr) if pipe]
    heard = {pipe: bytearray() for pipe in pipes}
    with child:
        try:
            _hear(child.pid, heard, seconds)
        finally:
            end(child)
    output, errors, *_ = [*map(bytes, heard.values()), b"", b""]
    return Done(child.returncode, output, errors)


def end(child: subprocess.Popen[bytes]) -> None:
    """End a child that leads a session and was not waited for, with its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _hear(pid: int, heard: dict[int, bytearray], seconds: float) -> None:
    until = time.monotonic() + seconds
    process = os.pidfd_open(pid)
    with selectors.DefaultSelector() as selector, contextlib.closing(open(process, "rb")):
        for descriptor in (process, *heard):
            selector.register(descriptor, selectors.EVENT_READ)
        running = True
        # What it said before it ended is still there; who holds its pipes beyond that is not heard.
        while ready := selector.select(max(0.0, until - time.monotonic()) if running else 0):
            for key, _ in ready:
                if key.fd == process:
                    running = False
                elif piece := os.read(key.fd, _PIECE):
                    heard[key.fd] += piece
                    continue
                selector.unregister(key.fd)
            if sum(map(len, heard.values())) > LARGEST:
                raise EndlessError(f"said more than {LARGEST >> 20} MiB")
            if time.monotonic() > until:
                break
        if running or ready:
            raise EndlessError(f"took more than {seconds:.0f} s")
