"""Errors for the operator: what is wrong, where, and what mends it; never a traceback."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


class OperatorError(Exception):
    """Something the operator can mend, by a command or an edit; its text is shown as it is."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}\n  → {remedy}" if remedy else message)


def this_machine(error: OSError) -> OperatorError:
    return OperatorError(f"on this machine: {error}", "mend that, then the same command again")


def unforeseen(host: str, error: Exception) -> OperatorError:
    """What nobody foresaw while one host was worked on: that host's failure, and no other's."""
    if isinstance(error, OSError):
        own = this_machine(error)
        return OperatorError(f"{host}: {own.message}", own.remedy)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return OperatorError(
        f"{host}: what it answered was not foreseen ({place}: {type(error).__name__}: {error})",
        f"look at {host} itself; what had begun there goes on by itself",
    )


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong in what an environment declares."""

    place: str  # ``file:line``, or the folder where something is missing
    problem: str  # what is wrong, without what is secret
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}\n     → {self.remedy}"


class MistakesError(OperatorError):
    """Every mistake of an environment at once, found before any host was contacted."""

    def __init__(self, environment: str, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        noun = "one mistake" if count == 1 else f"{count} mistakes"
        lines = "".join(f"\n  {number}. {one}" for number, one in enumerate(self.mistakes, 1))
        super().__init__(f"{environment}: {noun}; no host was contacted.{lines}")


def nearest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """The known name that is closest to a mistyped one; empty if none is close."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``Did you mean …?`` for a message, with the space before it; empty if nothing is close."""
    close = nearest(name, known)
    return f" Did you mean {close}?" if close else ""
