"""What can go wrong, with the exit code that each has for the caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sessionstore.errors import StoreError, printable

OK = 0
ERROR = 1
CHANGES = 2
REFUSED = 3
PUT_BACK = 4
LEFT_STOPPED = 5
LOCKED = 6
UNUSUAL_GROWTH = 7
FOUND_WRONG = 8
USAGE = 64

_TOLD = 20


@dataclass(frozen=True)
class Refusal:
    """One reason not to touch the service; `kind` is for machines, `remedy` a command or an edit."""

    kind: str
    what: str
    where: str
    remedy: str

    @classmethod
    def of(
        cls,
        kind: str,
        error: Exception,
        where: str = "this host",
        remedy: str = "Mend that, then run again",
    ) -> list[Refusal]:
        """The reasons that an error is; place and remedy are its own where it has some."""
        if not isinstance(error, StoreError):
            return [cls(kind, str(error), where, remedy)]
        reasons: Sequence[str] = getattr(error, "reasons", None) or (error.what,)
        return [cls(kind, one, error.where or where, error.remedy or remedy) for one in reasons]

    def __str__(self) -> str:
        return printable(f"{self.what} ({self.where}). {self.remedy}")


def first_of(refusals: Sequence[Refusal]) -> list[Refusal]:
    """As many as somebody reads, of each sort the first, and how many more there are.

    The service's user may lay a million files that nobody knows, and more than 8 MB is no answer.
    """
    sorts = Counter((one.kind, one.remedy) for one in refusals)
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for one in refusals:
        sort = one.kind, one.remedy
        seen[sort] += 1
        if seen[sort] <= _TOLD:
            found.append(one)
        elif seen[sort] == sorts[sort]:
            what = f"… and {sorts[sort] - _TOLD:,} more of these, the last: {one.what}"
            found.append(replace(one, what=what))
    return found


class HostError(Exception):
    """An error for the operator: its text says what, where and the command that mends it."""

    exit_code = ERROR
    outcome = "error"


class NoUserError(HostError):
    """The service's user does not exist, so nothing of that user ever ran."""


class RefusedError(HostError):
    """The switch was refused before anything was touched; the service is as it was."""

    exit_code = REFUSED
    outcome = "refused"

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(first_of(refusals))
        super().__init__("\n".join(str(refusal) for refusal in self.refusals))


class StepFailedError(HostError):
    """A step after the stop failed: the switch must be put back (or left stopped)."""


class PutBackError(HostError):
    """The switch failed and was undone: the old version runs again."""

    exit_code = PUT_BACK
    outcome = "put back"


class LeftStoppedError(HostError):
    """The service is stopped and stays so until someone decides; the alarm was raised."""

    exit_code = LEFT_STOPPED
    outcome = "left stopped"


class NotHealthyError(LeftStoppedError):
    """The switch was undone and the old version started, but it does not become healthy."""

    outcome = "put back, not healthy"


class TornFilesError(LeftStoppedError):
    """The stop tore session files: no version that reads files may start on them."""


class LockedError(HostError):
    """Another run holds the lock."""

    exit_code = LOCKED
    outcome = "locked"
