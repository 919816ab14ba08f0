"""Judging a file that does not equal its row in the database.

Pure functions from facts to a decision with its reason; the rules are those of
docs/session-data.md and docs/facts.md section 2, "What a mover must respect". Whatever no rule explains is
unexplained, and blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sessionstore import absence
from sessionstore.contacts import lid_address, opened_with
from sessionstore.evidence import (
    Finding,
    compare_sender_keys,
    compare_sessions,
    compare_versions,
)
from sessionstore.facts import Company, File, Row
from sessionstore.grammar import Key
from sessionstore.lineage import DESCENDS, SAME
from sessionstore.tokens import compare_tokens

EQUAL = "equal"
NEWER = "newer in database"
EXPLAINED = "absent, explained"
ARCHIVED = "archived only"
UNEXPLAINED = "unexplained"

#: Every outcome, with what it means.
OUTCOMES: dict[str, str] = {
    EQUAL: "the row holds the same value",
    NEWER: "the row holds a later value, shown by evidence of its type",
    EXPLAINED: "the row is gone because Baileys itself deleted it, shown by evidence",
    ARCHIVED: "only the archive will hold it: an artefact, or a backup's or test's own content",
    UNEXPLAINED: "nothing shows that the key is safe elsewhere: it blocks a live directory",
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
        explained, reason = absence.explain(file, company)
        return Disposition(file.path, EXPLAINED if explained else UNEXPLAINED, reason)
    finding = _DIFFERENCES.get(file.key.key_type, _no_counter)(file, row, company)
    return Disposition(file.path, NEWER if finding.newer else UNEXPLAINED, finding.reason)


def judge_credentials(file: File, row: Row, company: Company) -> Disposition:
    """Judge a creds.json that does not equal the database's credentials.

    Args:
        file: the file; its key says nothing.
        row: the database's.
        company: what is known of the company.

    Returns:
        Newer when the clocks moved on, or when with equal clocks the row was written after
        both the file and the import; else unexplained.
    """
    verdict = company.verdict
    if verdict.relation == DESCENDS:
        return Disposition(file.path, NEWER, verdict.reason)
    if verdict.relation != SAME:
        return Disposition(file.path, UNEXPLAINED, verdict.reason)
    later = _written_later(file, row, company)
    outcome = NEWER if later.newer else UNEXPLAINED
    return Disposition(file.path, outcome, f"{verdict.reason}; {later.reason}")


def told_by_time(key: Key) -> bool:
    """Tell whether nothing in the values of a key says which is the later one.

    Args:
        key: type and id.

    Returns:
        True where only times and the record of the import can.
    """
    return key.key_type not in _DIFFERENCES or key == _TOKEN_INDEX


_TOKEN_INDEX = Key("tctoken", "__index")


def _immutable(file: File, _row: Row, _company: Company) -> Finding:
    return Finding(False, f"a {file.key.key_type} never changes, but it differs in the database")


def _identity(file: File, row: Row, company: Company) -> Finding:
    """An identity stays, unless the contact has a new one, and a session with it since then."""
    address = file.key.key_id
    for place in (address, lid_address(address, company)):
        session = company.value_of(Key("session", place)) if place else None
        if session is not None and isinstance(row.value, bytes):
            since = opened_with(session, row.value)
            if since is not None and since > file.written_at:
                return Finding(True, "the contact has a new identity, and since then a session")
    return _immutable(file, row, company)


def _token(file: File, row: Row, company: Company) -> Finding:
    if file.key == _TOKEN_INDEX:
        return _no_counter(file, row, company)
    return compare_tokens(file.value, row.value, company.now)


def _no_counter(file: File, row: Row, company: Company) -> Finding:
    """lid-mapping, device-list, sender-key-memory and a token's index: only times can tell."""
    later = _written_later(file, row, company)
    return Finding(later.newer, f"no counter in a {file.key.key_type}; {later.reason}")


def _written_later(file: File, row: Row, company: Company) -> Finding:
    if row.updated_at is None:
        return Finding(False, "the row does not tell when it changed, or not in which time zone")
    imported_at = company.imported_at or 0.0
    if file.imported and row.updated_at > imported_at:
        # Both times are the database's own: no clock of the host has a say.
        return Finding(True, "the file is what was imported, and the row was written since")
    if file.imported is False:
        return Finding(False, "the file is not what was imported: somebody wrote it since")
    if not file.imported and row.updated_at > max(file.written_at, imported_at):
        return Finding(True, "the row was written later")
    return Finding(False, "the row was not written later")


_DIFFERENCES: dict[str, Callable[[File, Row, Company], Finding]] = {
    "pre-key": _immutable,
    "app-state-sync-key": _immutable,
    "identity-key": _identity,
    "session": lambda file, row, _: compare_sessions(file.value, row.value),
    "sender-key": lambda file, row, _: compare_sender_keys(file.value, row.value),
    "app-state-sync-version": lambda file, row, _: compare_versions(file.value, row.value),
    "tctoken": _token,
}
