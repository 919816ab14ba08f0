"""What the facts of several roles have in common."""

from __future__ import annotations

from pyinfra.api.facts import FactBase


class Lines(FactBase[list[str]]):
    """The lines that its command prints; none where it says nothing."""

    @staticmethod
    def default() -> list[str]:
        return []

    def process(self, output: list[str]) -> list[str]:
        return list(output)


class Affirmed(FactBase[bool]):
    """Whether its command says yes: only the positive word counts, whatever went wrong."""

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: list[str]) -> bool:
        return output[-1:] == ["yes"]
