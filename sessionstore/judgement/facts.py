"""What is known when a file is judged: plain data, and no rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sessionstore.judgement.lineage import Verdict
from sessionstore.keys.credentials import Clocks
from sessionstore.keys.names import Key
from sessionstore.keys.values import Value


@dataclass(frozen=True)
class File:
    path: str  # below the scanned directory
    key: Key  # what its name stands for
    value: Value
    written_at: float  # its mtime, seconds since 1970, by the host's clock
    #: whether these very bytes are what the company's import recorded under this name; False where
    #: it recorded others or no such file; None without a record
    imported: bool | None = None


@dataclass(frozen=True)
class Row:
    value: Value
    #: when the row was last written, seconds since 1970, by the database's clock; None where the
    #: column can't tell (empty, or without a time zone)
    updated_at: float | None


class PreKeys(NamedTuple):
    """One-time pre-keys since the files were written."""

    gone: int  # those that were handed out, or may have been, and that the database lacks
    sessions: int  # that contacts opened since, as far as rows show: each used up one at most


@dataclass(frozen=True)
class Company:
    verdict: Verdict  # the database's credentials against creds.json
    file_clocks: Clocks | None  # of creds.json; None without it
    database_clocks: Clocks | None  # of its credentials; None without them
    #: when an import of the company was staged, seconds, by the database's clock; None without one
    imported_at: float | None
    now: float  # the database's clock, seconds
    paired_at: float  # before which no file of this pairing can have been written, seconds
    #: gives the LID user that the database maps a phone-number user to
    lid_of: Callable[[str], str | None]
    #: gives the database's value of a key, None where it has none that can be read
    value_of: Callable[[Key], Value | None]
    file_of: Callable[[Key], Value | None]  # gives the files' value of a key, None likewise
    #: counts those that were handed out and are gone, and how many contacts can have used up since
    pre_keys: Callable[[], PreKeys]
