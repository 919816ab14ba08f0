"""Python's search for reference cycles, left out where there are none to find."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the cyclic garbage collector from running; also a decorator.

    An act on a hundred thousand files holds as many objects and makes no cycles: looking through
    all of them again and again takes a tenth of its time.
    """
    ran = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if ran:
            gc.enable()
