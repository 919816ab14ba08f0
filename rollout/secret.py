"""A text that never shows itself by accident."""

from __future__ import annotations

import json
from typing import Any

MASK = "********"


class Secret:
    """A secret text; only ``reveal()`` gives it away.

    Not a ``str``, because formatting, logging and pyinfra's argument printing (docs/facts.md section 5,
    "Exit codes and output") go through ``__str__``, ``__repr__`` or ``to_json``, and get the mask.
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
    return json.loads(json.dumps(value, default=lambda one: {SECRET_MARK: one.reveal()}))


def unmarked(value: Any) -> Any:
    return json.loads(json.dumps(value), object_hook=_secret_in)


def _secret_in(found: dict[str, Any]) -> Any:
    return Secret(found[SECRET_MARK]) if set(found) == {SECRET_MARK} else found
