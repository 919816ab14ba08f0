"""What can go wrong, said so that an operator can act on it.

Every error carries what is wrong, where, and what mends it. None carries a value of a
key, a credential or a password: messages end up in logs and reports.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

_identity = re.compile(
    r"AGE-SECRET-KEY-[0-9A-Z-]*|AGE-PLUGIN-[0-9A-Z-]*|-----BEGIN [A-Z ]*PRIVATE KEY.*", re.I | re.S
).sub
#: Finds what is in the name of a file that is not UTF-8, and is left of an emoji that was cut.
half_a_pair = re.compile("[\ud800-\udfff]").search
_Kind = TypeVar("_Kind", bound="StoreError")
_REMEDIES = dict.fromkeys((errno.EACCES, errno.EPERM), "Run it as root: sudo") | {
    errno.ENOSPC: "Make room there, then run again.",
    errno.EROFS: "Make that file system writable, then run again.",
}


class BadFile(Exception):
    """A session file, or the value of one in a row, that can't be read whole or kept without loss."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind  # one of :data:`sessionstore.scan.result.PROBLEMS`
        self.detail = detail  # more, without any part of the value
        self.sha256: str | None = None  # of a file's bytes, where it could be read at all
        self.status: os.stat_result | None = None


class StoreError(Exception):
    """Base of every error this package raises on purpose."""

    code = 1  # with which a command should end
    usual = ""  # the remedy where none is given

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        self.what = what  # is wrong: one sentence without its full stop
        self.where = where  # file, table, company or host it concerns
        self.remedy = remedy or self.usual  # what to do about it, or the command that does it
        super().__init__(what)

    @classmethod
    def because(cls: type[_Kind], what: str, error: OSError | StoreError, where: str = "") -> _Kind:
        reason, remedy = _told(error)
        return cls(f"{what}: {reason}", where, remedy)

    @classmethod
    @contextmanager
    def instead(cls, what: str, where: str, *causes: type[StoreError]) -> Iterator[None]:
        """Raise an error of this kind in the place of an OSError, or of such others."""
        try:
            yield
        except (OSError, StoreError) as error:
            if not isinstance(error, (OSError, *causes)):
                raise
            raise cls.because(what, error, where) from None

    def __str__(self) -> str:
        place = f" ({printable(self.where)})" if self.where else ""
        mend = f" {printable(self.remedy)}" if self.remedy else ""
        return f"{printable(self.what)}{place}.{mend}"


class DirectoryProblem(StoreError):
    """A directory or file is not what it must be; nothing was touched."""

    code = 3


class DatabaseUnreachable(StoreError):
    """No connection to the database."""


class DatabaseProblem(StoreError):
    """The database refused a statement; the transaction was rolled back."""


class OutcomeUnknown(StoreError):
    """The connection broke while COMMIT was under way: the record in the database tells."""


class Refused(StoreError):
    """The act is not safe now, for each of some reasons; nothing was changed."""

    code = 3

    def __init__(
        self, what: str, where: str = "", remedy: str = "", reasons: Sequence[str] = ()
    ) -> None:
        super().__init__(what, where, remedy)
        self.reasons = tuple(reasons) or (what,)


class LockHeld(StoreError):
    """Somebody else is at work on the same thing."""

    code = 6
    usual = "Wait for it to end, then run again."


class ArchiveProblem(StoreError):
    """An archive could not be written, or is not what its manifest says."""


class BackupProblem(StoreError):
    """A backup of the tables could not be made, or does not restore to what it was made of."""


class MigrationProblem(StoreError):
    """A migration was refused or failed; the schema is as it was."""


class MigrationTimeout(MigrationProblem):
    """A script waited or ran too long; the schema is as it was, and nothing is known of it."""


def cause_of(error: OSError | StoreError) -> str:
    """Why something could not be read, and what mends it where known, for one line in a list of many."""
    return ". ".join(part for part in _told(error) if part)


def _told(error: OSError | StoreError) -> tuple[str, str]:
    if isinstance(error, StoreError):
        return error.what, error.remedy
    return error.strerror or str(error), _REMEDIES.get(error.errno or 0, "")


def without_identities(text: str) -> str:
    """An identity stands in the same file as its recipient, and is easily taken for it."""
    return _identity("(an identity, which is secret)", text)


def printable(text: str) -> str:
    """Escape surrogates and control characters: no hostile name breaks a JSON line or moves a cursor."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
