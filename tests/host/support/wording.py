"""How a check says what it found: nothing, what is wrong, what it can't know, or what no rollout mends."""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import NoReturn, ParamSpec

import pytest

NOT_CHECKED = "not checked"
FOUND = "found"

Asked = ParamSpec("Asked")


def problems(check: Callable[Asked, Iterator[str]]) -> Callable[Asked, None]:
    """A check that yields each thing that is wrong; where it yields none, all is well."""

    @wraps(check)
    def whole(*args: Asked.args, **kwargs: Asked.kwargs) -> None:
        told = list(check(*args, **kwargs))
        assert not told, listed(told)

    return whole


def not_checked(reason: str) -> NoReturn:
    """End a check that can't be made here: it is counted apart, never as passed."""
    pytest.skip(f"{NOT_CHECKED}: {reason}")


def found(what: str) -> NoReturn:
    """End a check that found what no rollout makes, worsens or mends: told, and never as passed."""
    pytest.skip(f"{FOUND}: {what}")


def listed(lines: Sequence[str], limit: int = 8) -> str:
    """Lines as one text; of many only the first, and how many more there are."""
    more = [f"… and {len(lines) - limit} more"] if len(lines) > limit else []
    return "\n".join([*lines[:limit], *more])


def octal(mode: int) -> str:
    """Permission bits as people write them."""
    return f"{mode:04o}"


def joined(names: Sequence[object]) -> str:
    """Names with commas, or "none"."""
    return ", ".join(map(str, names)) or "none"
