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
    """A key file that does not equal its row.

    Attributes:
        path: below the scanned directory.
        key: what its name stands for.
        value: what it holds.
        written_at: its mtime, seconds since 1970, by the host's clock.
        imported: whether these very bytes are what the company's import recorded under this
            name; False where it recorded others or no such file; None without a record.
    """

    path: str
    key: Key
    value: Value
    written_at: float
    imported: bool | None = None


@dataclass(frozen=True)
class Row:
    """A row that differs from its file.

    Attributes:
        value: the parsed value.
        updated_at: when the row was last written, seconds since 1970, by the database's clock;
            None where the column can't tell (empty, or without a time zone).
    """

    value: Value
    updated_at: float | None


class PreKeys(NamedTuple):
    """One-time pre-keys since the files were written.

    Attributes:
        gone: those that were handed out, or may have been, and that the database lacks.
        sessions: that contacts opened since, as far as rows show: each used up one at most.
    """

    gone: int
    sessions: int


@dataclass(frozen=True)
class Company:
    """What is known of a company when one of its files is judged.

    Attributes:
        verdict: the database's credentials against creds.json.
        file_clocks: of creds.json; None without it.
        database_clocks: of whatsapp_auth; None without it.
        imported_at: when an import of the company was staged, seconds, by the database's clock;
            None without one.
        now: the database's clock, seconds.
        paired_at: before which no file of this pairing can have been written, seconds.
        lid_of: gives the LID user that the database maps a phone-number user to.
        value_of: gives the database's value of a key, None where it has none that can be read.
        file_of: gives the files' value of a key, None likewise.
        pre_keys: counts those that were handed out and are gone, and how many contacts can have
            used up since.
    """

    verdict: Verdict
    file_clocks: Clocks | None
    database_clocks: Clocks | None
    imported_at: float | None
    now: float
    paired_at: float
    lid_of: Callable[[str], str | None]
    value_of: Callable[[Key], Value | None]
    file_of: Callable[[Key], Value | None]
    pre_keys: Callable[[], PreKeys]
