"""Child processes that several threads wait for: Ctrl-C, which only the main thread sees, ends all.

Each leads a session of its own (``start_new_session``), and what it forked ends with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

_lock = threading.Lock()
_running: set[subprocess.Popen[Any]] = set()
_interrupted = threading.Event()


@contextmanager
def following(child: subprocess.Popen[Any]) -> Iterator[None]:
    """Follow a child to its end; it never outlives this. Raises KeyboardInterrupt after ``end_all``."""
    with _lock:
        _running.add(child)
    try:
        if not _interrupted.is_set():
            yield
    finally:
        with _lock:
            _running.discard(child)
        if child.poll() is None:
            _kill(child)
            child.wait()
        if _interrupted.is_set():
            raise KeyboardInterrupt


def end_all() -> None:
    _interrupted.set()
    with _lock:
        for child in _running:
            _kill(child)


def _kill(child: subprocess.Popen[Any]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


Item = TypeVar("Item")


Result = TypeVar("Result")


def each(items: Sequence[Item], act: Callable[[Item], Result], at_once: int) -> list[Result]:
    """Act on items, so many at once.

    Raises what ``act`` raised first, in the order of the items, when the others have come to their end.
    After an interruption items not begun are left out, and the children of those under way are ended.
    """
    pool = ThreadPoolExecutor(max_workers=max(1, min(at_once, len(items))))
    try:
        # The first is at work while the last is not handed over yet: Ctrl-C comes here as well.
        under_way = [pool.submit(act, item) for item in items]
        return [one.result() for one in under_way]
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        end_all()
        raise
    finally:
        pool.shutdown()
