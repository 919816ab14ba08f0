"""A child whose whole answer has one deadline and one size: a host that drips, or floods, is ended."""

from __future__ import annotations

import os
import select
import selectors
import subprocess
import time
from collections.abc import Sequence

ANSWER_BYTES = 64_000_000
"""The longest answers are manifests: 150 bytes a file of a directory that was set aside."""
PIECE = 1 << 16


class UnboundedError(Exception):
    """A child did not come to an end in its time, or said more than it may; it was ended."""


def answered(
    argv: Sequence[str], stdin: bytes = b"", *, seconds: float, limit: int = ANSWER_BYTES
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, in so many seconds, with so many bytes of output and errors together."""
    until = time.monotonic() + seconds
    with subprocess.Popen(
        list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as child:
        try:
            out, err = _exchanged(child, stdin, until, limit)
            child.wait(max(0.0, until - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise UnboundedError(f"did not finish within {seconds:.0f} s") from None
        finally:
            if child.poll() is None:
                child.kill()
    return subprocess.CompletedProcess(list(argv), child.returncode, out, err)


def _exchanged(
    child: subprocess.Popen[bytes], stdin: bytes, until: float, limit: int
) -> tuple[bytes, bytes]:
    """Write a child's input and read what it says, side by side, until it closes both outputs."""
    assert child.stdin and child.stdout and child.stderr
    left = memoryview(stdin)
    said = {child.stdout.fileno(): bytearray(), child.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as ready:
        for pipe in said:
            ready.register(pipe, selectors.EVENT_READ)
        ready.register(child.stdin, selectors.EVENT_WRITE)
        while any(key.fd in said for key in ready.get_map().values()):
            if until <= time.monotonic():
                raise TimeoutError
            for key, _ in ready.select(until - time.monotonic()):
                if key.fileobj is child.stdin:
                    left = _written(key.fd, left)
                    if not left:
                        ready.unregister(child.stdin)
                        child.stdin.close()
                elif piece := os.read(key.fd, PIECE):
                    said[key.fd] += piece
                else:
                    ready.unregister(key.fd)
                if sum(map(len, said.values())) > limit:
                    raise UnboundedError(f"said more than {limit / 1e6:.0f} MB")
    out, err = map(bytes, said.values())
    return out, err


def _written(pipe: int, left: memoryview) -> memoryview:
    """What is still to be written; nothing where nobody reads any more."""
    try:
        # A pipe that takes anything takes this much at once.
        return left[os.write(pipe, left[: select.PIPE_BUF]) :]
    except BrokenPipeError:
        return left[:0]
