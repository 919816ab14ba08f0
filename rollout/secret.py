"""A text that never shows itself by accident."""

from __future__ import annotations

MASK = "********"


class Secret:
    """A secret text; only ``reveal()`` gives it away.

    It is deliberately not a ``str``: formatting, logging, ``json`` and pyinfra's argument printing
    (docs/facts.md section 5, "Exit codes and output") all go through ``__str__``, ``__repr__`` or
    ``to_json`` and get the mask.

    Args:
        value: the secret text.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one place that needs it (a program's standard input)."""
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
