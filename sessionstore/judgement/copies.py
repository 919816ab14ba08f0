"""Which of two copies of one file is the newer, as far as can be told."""

from __future__ import annotations

from sessionstore.errors import BadFile
from sessionstore.judgement.lineage import DESCENDS, FILE_AHEAD, compare
from sessionstore.keys.credentials import credentials_of
from sessionstore.keys.names import CREDENTIALS
from sessionstore.scan.session_file import read_session_file


def newer_of(fd: int, name: str, original: str) -> str:
    """Tell which of a copy and its original is newer: by the credentials' counters, else by time."""
    try:
        copy, own = read_session_file(fd, name), read_session_file(fd, original)
        if copy.value_sha256 == own.value_sha256:
            return f"{name} and {original} hold the same value: neither is newer"
        if original == CREDENTIALS:
            verdict = compare(credentials_of(copy.value), credentials_of(own.value))
            if verdict.relation in (DESCENDS, FILE_AHEAD):
                newer = original if verdict.relation == DESCENDS else name
                counters = verdict.reason.replace("in the file", f"in {name}")
                return f"{newer} is newer: {counters.replace('in the database', f'in {original}')}"
    except BadFile as trouble:
        return f"{name} and {original} can't be compared: {trouble}"
    times = copy.status.st_mtime_ns - own.status.st_mtime_ns
    if not times:
        return f"{name} and {original} differ, and were written at the same time"
    return f"{name if times > 0 else original} is newer by the files' times; they differ"
