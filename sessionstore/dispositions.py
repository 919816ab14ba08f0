"""Judging a file that does not equal its row in the database.

Pure functions from facts to a decision with its reason; the rules are those of DESIGN.md
"Session data" and DOMAIN.md "What a mover must respect". Whatever no rule explains is
unexplained, and blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sessionstore.evidence import (
    Finding,
    compare_sender_keys,
    compare_sessions,
    compare_versions,
)
from sessionstore.grammar import Key
from sessionstore.lineage import DESCENDS, SAME, Clocks, Verdict
from sessionstore.values import Value

EQUAL = "equal"
NEWER = "newer in database"
EXPLAINED = "absent, explained"
ARCHIVED = "archived only"
UNEXPLAINED = "unexplained"
OUTCOMES = (EQUAL, NEWER, EXPLAINED, ARCHIVED, UNEXPLAINED)

IMMUTABLE = ("pre-key", "app-state-sync-key", "identity-key")
_ORDERED: dict[str, Callable[[Value, Value], Finding]] = {
    "session": compare_sessions,
    "sender-key": compare_sender_keys,
    "app-state-sync-version": compare_versions,
}


@dataclass(frozen=True)
class Disposition:
    """What became of one file.

    Attributes:
        file: its path below the scanned directory.
        outcome: one of :data:`OUTCOMES`.
        reason: the evidence in words.
    """

    file: str
    outcome: str
    reason: str


@dataclass(frozen=True)
class File:
    """A key file that does not equal its row.

    Attributes:
        path: below the scanned directory.
        key: what its name stands for.
        value: what it holds.
        written_at: its mtime, seconds since 1970.
    """

    path: str
    key: Key
    value: Value
    written_at: float


@dataclass(frozen=True)
class Row:
    """A row that differs from its file.

    Attributes:
        value: the parsed value.
        updated_at: when the row was last written, seconds since 1970.
    """

    value: Value
    updated_at: float


@dataclass(frozen=True)
class Company:
    """What is known of a company when one of its files is judged.

    Attributes:
        verdict: the database's credentials against creds.json.
        file_clocks: of creds.json; None without it.
        database_clocks: of whatsapp_auth; None without it.
        imported_at: when an import of the company was staged, seconds; None without one.
        has_session: tells whether the database has a session of an id.
        lid_of: gives the LID user that the database maps a phone-number user to.
    """

    verdict: Verdict
    file_clocks: Clocks | None
    database_clocks: Clocks | None
    imported_at: float | None
    has_session: Callable[[str], bool]
    lid_of: Callable[[str], str | None]


def judge(file: File, row: Row | None, company: Company) -> Disposition:
    """Judge a key file that does not equal its row.

    Args:
        file: the file.
        row: the database's row, or None.
        company: what is known of the company.

    Returns:
        Newer, explained, or unexplained.
    """
    if company.verdict.relation not in (SAME, DESCENDS):
        return Disposition(file.path, UNEXPLAINED, company.verdict.reason)
    if row is None:
        reason = _absence(file.key, company)
        outcome = EXPLAINED if reason else UNEXPLAINED
        return Disposition(file.path, outcome, reason or _no_reason(file.key))
    finding = _difference(file, row, company)
    return Disposition(file.path, NEWER if finding.newer else UNEXPLAINED, finding.reason)


def judge_credentials(
    file: str, written_at: float, updated_at: float, company: Company
) -> Disposition:
    """Judge a creds.json that does not equal the database's credentials.

    Args:
        file: path for the disposition.
        written_at: its mtime, seconds since 1970.
        updated_at: when the row was last written.
        company: what is known of the company.

    Returns:
        Newer when the clocks moved on, or when with equal clocks the row was written after
        both the file and the import; else unexplained.
    """
    verdict = company.verdict
    if verdict.relation == DESCENDS:
        return Disposition(file, NEWER, verdict.reason)
    if verdict.relation == SAME and _written_later(written_at, updated_at, company):
        return Disposition(file, NEWER, f"{verdict.reason}; written later")
    return Disposition(file, UNEXPLAINED, verdict.reason)


def _difference(file: File, row: Row, company: Company) -> Finding:
    key_type = file.key.key_type
    if key_type in IMMUTABLE:
        return Finding(False, f"a {key_type} never changes, but it differs in the database")
    ordered = _ORDERED.get(key_type)
    if ordered:
        return ordered(file.value, row.value)
    # lid-mapping, device-list, tctoken and sender-key-memory carry no counter.
    if _written_later(file.written_at, row.updated_at, company):
        return Finding(True, f"no counter in a {key_type}; the row was written later")
    return Finding(False, f"the {key_type} differs, and the row was not written later")


def _written_later(written_at: float, updated_at: float, company: Company) -> bool:
    return updated_at > max(written_at, company.imported_at or 0.0)


def _absence(key: Key, company: Company) -> str | None:
    """Say why Baileys itself deleted a key, or None."""
    if key.key_type == "pre-key":
        return _consumed(int(key.key_id), company.file_clocks, company.database_clocks)
    if key.key_type == "session":
        return _moved_to_lid(key.key_id, company)
    return None


def _consumed(number: int, file: Clocks | None, database: Clocks | None) -> str | None:
    if file is None or database is None:
        return None
    if database.next_pre_key <= file.next_pre_key:
        return None
    # A pre-key that was never uploaded can't have been used by anyone.
    if number >= database.first_unuploaded_pre_key:
        return None
    return f"consumed: nextPreKeyId went from {file.next_pre_key} to {database.next_pre_key}"


def _moved_to_lid(session_id: str, company: Company) -> str | None:
    user, _, device = session_id.rpartition(".")
    lid = company.lid_of(user)
    # Baileys writes a LID user's address with _1 for its domain (DOMAIN.md section 2).
    if lid is not None and company.has_session(f"{lid}_1.{device}"):
        return f"moved to its LID session {lid}_1.{device}"
    return None


def _no_reason(key: Key) -> str:
    if key.key_type == "pre-key":
        return "not in the database, and the clocks do not show that it was consumed"
    if key.key_type == "session":
        return "not in the database, and no LID session took its place"
    return f"not in the database; nothing explains a missing {key.key_type}"
