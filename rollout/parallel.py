"""Several hosts at once, in threads that wait for child processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rollout import children

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(items: Sequence[Item], act: Callable[[Item], Result], at_once: int) -> list[Result]:
    """Act on items, so many at once.

    Args:
        items: what to act on.
        act: called with each, in a thread.
        at_once: how many threads at most.

    Returns:
        The results, in the order of the items.

    Raises:
        Exception: the first one that ``act`` raised, in the order of the items, when the others
            have come to their end.
        KeyboardInterrupt: the operator interrupted; items not begun are left out, and the children
            of those under way are ended.
    """
    with ThreadPoolExecutor(max_workers=max(1, min(at_once, len(items)))) as pool:
        under_way = [pool.submit(act, item) for item in items]
        try:
            return [one.result() for one in under_way]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            children.end_all()
            raise
