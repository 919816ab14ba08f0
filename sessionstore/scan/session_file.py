"""Reading one session file: its bytes, its value, and all that can be wrong with either."""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

from sessionstore.disk.reading import read_whole
from sessionstore.errors import BadFile
from sessionstore.keys.canonical import canonical_of
from sessionstore.keys.values import LARGEST_FILE, Value, digest_of_canonical, jsonb_problem, parse


class Reading(NamedTuple):
    """A session file that was read as a whole, parsed, and can be stored."""

    canonical: str  # the value's canonical form, which is also what goes into ``jsonb``
    sha256: str  # of the file's bytes
    value_sha256: str  # of the canonical form
    status: os.stat_result  # of the file, taken after reading

    @property
    def value(self) -> Value:
        return parse(self.canonical.encode("ascii"))


def read_session_file(directory_fd: int, name: str, *, as_text: bool = False) -> Reading:
    """Read, parse and check one session file; ``jsonb`` must hold it too, unless it is kept ``as_text``."""
    raw, status = read_whole(directory_fd, name, LARGEST_FILE)
    sha256 = hashlib.sha256(raw).hexdigest()
    try:
        text = canonical_of(raw)
        unstorable = None if as_text else jsonb_problem(text)
        if unstorable:
            raise BadFile("not storable", unstorable)
    except BadFile as trouble:
        trouble.sha256, trouble.status = sha256, status
        raise
    return Reading(text, sha256, digest_of_canonical(text), status)


def hash_file(directory_fd: int, name: str) -> tuple[str, os.stat_result]:
    """SHA-256 and status of a file that is not parsed: an artefact or an unknown one."""
    raw, status = read_whole(directory_fd, name, LARGEST_FILE)
    return hashlib.sha256(raw).hexdigest(), status
