"""SIGTERM, and SIGHUP of a terminal that went away, end the command as Ctrl-C does.

Through its clean-ups; left alone they end Python at once, and the engine goes on without anybody.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CTRL_C, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""The exit codes that shells give to a program that such a signal ended."""


@contextmanager
def held_off() -> Iterator[None]:
    """Let no such signal cut this block off: it is short, and the operator needs its result."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_like_ctrl_c() -> Iterator[list[int]]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt in this block; under nohup(1) SIGHUP says nothing.

    Yields the exit codes of the signals that came; typer turns every KeyboardInterrupt into Ctrl-C's.
    """
    came: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        came.append(128 + number)
        raise KeyboardInterrupt

    heard = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    ]
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
