"""SIGTERM ends the command as Ctrl-C does: through its clean-ups, children included, with a sentence.

Left alone it ends Python at once: the engine would go on without anybody to follow it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CTRL_C, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""The exit codes that shells give to a program that such a signal ended."""


@contextmanager
def ended_like_ctrl_c() -> Iterator[list[int]]:
    """Let SIGTERM raise KeyboardInterrupt in this block.

    Yields:
        The exit codes of the signals that came; typer turns every KeyboardInterrupt into Ctrl-C's.
    """
    came: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        came.append(128 + number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, before)
