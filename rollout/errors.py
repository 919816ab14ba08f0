"""Errors for the operator: what is wrong, where, and what mends it; never a traceback."""

from __future__ import annotations

from collections.abc import Sequence


class OperatorError(Exception):
    """Something the operator can mend; its text is shown as it is.

    Args:
        message: what is wrong and where, in a sentence.
        remedy: the command or the edit that mends it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}\n  → {remedy}" if remedy else message)


class MistakesError(OperatorError):
    """Every mistake of an environment at once, found before any host was contacted.

    Args:
        environment: its name.
        mistakes: one sentence each, with file and remedy.
    """

    def __init__(self, environment: str, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        noun = "one mistake" if count == 1 else f"{count} mistakes"
        lines = "".join(f"\n  {number}. {text}" for number, text in enumerate(self.mistakes, 1))
        super().__init__(f"{environment}: {noun}; no host was contacted.{lines}")
