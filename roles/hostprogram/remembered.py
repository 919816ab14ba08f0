"""Answers of this run that still hold: those given since anything was last changed on the host.

pyinfra asks again for every fact (docs/facts.md section 5, "Two phases"). Where nothing was changed in
between, the answer is the same, and a rollout that has nothing to change need not ask twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from pyinfra import host, state

T = TypeVar("T")
_KEPT: dict[tuple[str, Hashable], tuple[tuple[Any, int], Any]] = {}


def keep(question: Hashable, answer: Any) -> None:
    """Keep an answer to a question, with all that it depends on, for as long as nothing is changed here."""
    _KEPT[(host.name, question)] = (_moment(), answer)


def known(question: Hashable) -> Any | None:
    """The kept answer, or None where there is none that still holds."""
    moment, answer = _KEPT.get((host.name, question), (None, None))
    return answer if moment == _moment() else None


def remembered(question: Hashable, ask: Callable[[], T]) -> T:
    """The kept answer, or a new one, which is kept."""
    answer: T | None = known(question)
    if answer is None:
        answer = ask()
        keep(question, answer)
    return answer


def _moment() -> tuple[Any, int]:
    """The stage of the run, and how many operations have changed this host in it."""
    metas = (operation.operation_meta for operation in state.ops[host].values())
    return state.current_stage, sum(meta.is_complete() and meta.did_change() for meta in metas)
