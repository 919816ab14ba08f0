"""Reading one session file: its bytes, its value, and all that can be wrong with either."""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

from sessionstore.disk.reading import Unreadable, read_whole
from sessionstore.keys.canonical import canonical_of
from sessionstore.keys.values import (
    LARGEST_FILE,
    Value,
    ValueProblem,
    digest_of_canonical,
    jsonb_problem_of_canonical,
    parse,
)


class Reading(NamedTuple):
    """A session file that was read as a whole, parsed, and can be stored.

    Attributes:
        canonical: the value's canonical form, which is also what goes into ``jsonb``.
        sha256: of the file's bytes.
        value_sha256: of the canonical form.
        status: of the file, taken after reading.
    """

    canonical: str
    sha256: str
    value_sha256: str
    status: os.stat_result

    @property
    def value(self) -> Value:
        """The value itself."""
        return parse(self.canonical.encode("ascii"))


class BadFile(Exception):
    """A session file that can't be imported.

    Attributes:
        kind: see :data:`sessionstore.scan.scan.PROBLEMS`.
        detail: more, without any part of the content.
        sha256: of its bytes where it could be read at all.
        status: likewise.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        sha256: str | None = None,
        status: os.stat_result | None = None,
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.sha256 = sha256
        self.status = status


def read_session_file(directory_fd: int, name: str) -> Reading:
    """Read, parse and check one session file.

    Args:
        directory_fd: the directory that holds it.
        name: its bare name.

    Returns:
        What it holds.

    Raises:
        BadFile: it can't be read, does not parse, or ``jsonb`` could not hold it.
    """
    try:
        content = read_whole(directory_fd, name, LARGEST_FILE)
    except Unreadable as trouble:
        raise BadFile(trouble.kind, trouble.detail) from None
    sha256 = hashlib.sha256(content.raw).hexdigest()
    try:
        text = canonical_of(content.raw)
    except ValueProblem as trouble:
        raise BadFile(trouble.kind, trouble.detail, sha256, content.status) from None
    unstorable = jsonb_problem_of_canonical(text)
    if unstorable:
        raise BadFile("not storable", unstorable, sha256, content.status)
    return Reading(text, sha256, digest_of_canonical(text), content.status)


def hash_file(directory_fd: int, name: str) -> tuple[str, os.stat_result]:
    """Hash a file that is not parsed: an artefact or an unknown one.

    Args:
        directory_fd: the directory that holds it.
        name: its bare name.

    Returns:
        SHA-256 and status.

    Raises:
        BadFile: it can't be read as a whole.
    """
    try:
        content = read_whole(directory_fd, name, LARGEST_FILE)
    except Unreadable as trouble:
        raise BadFile(trouble.kind, trouble.detail) from None
    return hashlib.sha256(content.raw).hexdigest(), content.status
