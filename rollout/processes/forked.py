"""Work on several hosts in forked processes: what they all need was imported once, before."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

FAILED = 1


def run_forked(acts: Sequence[Callable[[], int]], at_once: int) -> list[int]:
    """Run each act in a process of its own; their exit codes, negative for one that a signal ended."""
    codes = [FAILED] * len(acts)
    running: dict[int, int] = {}
    for number, act in enumerate(acts):
        if len(running) == max(1, at_once):
            _take_one(running, codes)
        running[_start(act)] = number
    while running:
        _take_one(running, codes)
    return codes


def _start(act: Callable[[], int]) -> int:
    # What is buffered here would be written by the child once more.
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    return pid or _run_and_end(act)


def _run_and_end(act: Callable[[], int]) -> NoReturn:
    code = FAILED
    try:
        code = act()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Nothing of what the parent has to clean up is the child's.
        os._exit(code)


def _take_one(running: dict[int, int], codes: list[int]) -> None:
    pid, status = os.waitpid(-1, 0)
    if pid in running:
        codes[running.pop(pid)] = os.waitstatus_to_exitcode(status)
