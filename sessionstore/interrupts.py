"""Ctrl-C and SIGTERM: the program ends through its clean-ups, with a sentence and not a traceback.

Left alone, SIGTERM (a reboot, ``systemctl stop``) ends Python at once, and half an archive stays.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """Somebody told the program to end; like Ctrl-C it passes whatever catches mere errors."""

    def __init__(self, number: int) -> None:
        self.code = 128 + number  # as shells have it for a program that this signal ended
        super().__init__(f"interrupted ({signal.Signals(number).name})")


@contextmanager
def interruptible() -> Iterator[None]:
    """Let signals that end a program raise Interrupted, wherever it is in this block."""
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        # A shell that starts a program in the background has it ignore Ctrl-C.
        if handler is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)
