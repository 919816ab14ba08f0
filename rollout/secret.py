"""A text that never shows itself by accident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MASK = "********"


class Secret:
    """A secret text; only ``reveal()`` gives it away.

    Not a ``str``, because formatting, logging, ``json`` and pyinfra's argument printing (docs/facts.md
    section 5, "Exit codes and output") go through ``__str__``, ``__repr__`` or ``to_json``, and get the
    mask.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def to_json(self) -> str:
        """The mask; pyinfra's JSON encoder calls this."""
        return MASK

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)


SECRET_MARK = "__secret__"


def marked(value: Any) -> Any:
    """Plain data with every ``Secret`` as ``{"__secret__": text}``, for a pipe to our own child."""
    if isinstance(value, Secret):
        return {SECRET_MARK: value.reveal()}
    if isinstance(value, Mapping):
        return {key: marked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [marked(item) for item in value]
    return value


def unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {SECRET_MARK}:
            return Secret(value[SECRET_MARK])
        return {key: unmarked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unmarked(item) for item in value]
    return value
