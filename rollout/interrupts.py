"""SIGTERM, and SIGHUP of a terminal that went away, end the command as Ctrl-C does.

Through its clean-ups; left alone they end Python at once, and the engine goes on without anybody.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = signal.Handlers | Callable[[int, FrameType | None], None]
CTRL_C, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""The exit codes that shells give to a program that such a signal ended."""


@contextmanager
def held_off() -> Iterator[None]:
    """Let no such signal cut this block off: it is short, and the operator needs its result."""
    with _handled_by(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def _handled_by(handler: Handler, *numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def ended_like_ctrl_c() -> Iterator[list[int]]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt in this block; under nohup(1) SIGHUP says nothing.

    Yields the exit codes of the signals that came; typer turns every KeyboardInterrupt into Ctrl-C's.
    """
    came: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        came.append(128 + number)
        raise KeyboardInterrupt

    both = (signal.SIGTERM, signal.SIGHUP)
    heard = [number for number in both if signal.getsignal(number) != signal.SIG_IGN]
    with _handled_by(end, *heard):
        yield came
