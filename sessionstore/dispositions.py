"""Deciding what a file's absence from, or difference to, the database means.

Pure functions from facts to a decision with its reason; the rules are those of DESIGN.md
"Session data" and DOMAIN.md "What a mover must respect". Whatever no rule explains is
unexplained, and blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sessionstore.evidence import (
    Finding,
    compare_sender_keys,
    compare_sessions,
    compare_versions,
)
from sessionstore.grammar import Key
from sessionstore.lineage import ABSENT, ANOTHER, DESCENDS, FILE_AHEAD, SAME, Clocks, Verdict
from sessionstore.values import Value

EQUAL = "equal"
NEWER = "newer in database"
EXPLAINED = "absent, explained"
ARCHIVED = "archived only"
UNEXPLAINED = "unexplained"
OUTCOMES = (EQUAL, NEWER, EXPLAINED, ARCHIVED, UNEXPLAINED)

LIVE, BACKUP, TEST = "live", "backup", "test"
KINDS = (LIVE, BACKUP, TEST)

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


@dataclass(frozen=True)
class CompanyFacts:
    """What accounting for one company's directory gave.

    Attributes:
        directory: path below the scanned directory.
        company_id: the company in the database it belongs to, or the name it goes by.
        verdict: lineage; None where there are no usable credentials.
        known: whether the database has the company.
        files: how many files there are.
        unregistered: credentials that never became a pairing.
        dispositions: of every file that is not simply equal.
        equal: how many are.
    """

    directory: str
    company_id: str | None
    verdict: Verdict | None
    known: bool
    files: int
    unregistered: bool
    dispositions: Sequence[Disposition]
    equal: int


@dataclass(frozen=True)
class DirectoryDecision:
    """Whether a directory may be removed, once a verified archive holds it.

    Attributes:
        kind: LIVE, BACKUP or TEST.
        removable: the decision.
        reasons: why not; or, when it is, what was acknowledged.
        needs_acknowledge: whether an entry in ``acknowledge`` would change the decision.
        counts: files for each outcome.
        beyond: files of a backup or test directory that the archive alone will hold.
    """

    kind: str
    removable: bool
    reasons: tuple[str, ...]
    needs_acknowledge: bool
    counts: dict[str, int]
    beyond: tuple[str, ...]


def decide(
    kind: str,
    companies: Sequence[CompanyFacts],
    others: Sequence[Disposition],
    blocking: Sequence[str],
    acknowledge: Mapping[str, object] | None,
) -> DirectoryDecision:
    """Decide about a directory.

    Args:
        kind: as declared: LIVE, BACKUP or TEST.
        companies: the facts for each company directory found in it.
        others: dispositions of files outside those.
        blocking: what forbids a removal whatever the kind, in words.
        acknowledge: ``{"reason": …, "identities": bool, "companies": […]}`` or None.

    Returns:
        The decision with every reason, not only the first.
    """
    if kind not in KINDS:
        return DirectoryDecision(kind, False, (f"unknown kind {kind!r}",), False, {}, ())
    accepted = _Acknowledged(acknowledge)
    reasons = list(blocking)
    for company in companies:
        reasons.extend(_objections(kind, company, accepted))
    every = [*others, *(one for company in companies for one in company.dispositions)]
    if kind == LIVE:
        reasons.extend(f"{d.file}: {d.reason}" for d in every if d.outcome == UNEXPLAINED)
    counts = Counter(one.outcome for one in every)
    counts[EQUAL] += sum(company.equal for company in companies)
    beyond = tuple(one.file for one in every if one.outcome in (ARCHIVED, UNEXPLAINED))
    return DirectoryDecision(
        kind,
        not reasons,
        tuple(reasons) if reasons else accepted.words,
        accepted.would_help,
        {outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]},
        beyond if kind != LIVE else (),
    )


class _Acknowledged:
    """What the operator declared; without a reason it counts for nothing."""

    def __init__(self, declared: Mapping[str, object] | None) -> None:
        given = declared or {}
        reason = given.get("reason")
        self._reason = reason.strip() if isinstance(reason, str) else ""
        companies = given.get("companies")
        self._companies = (
            [str(one) for one in companies] if isinstance(companies, (list, tuple)) else []
        )
        self._identities = given.get("identities") is True
        self.would_help = False
        self._used: list[str] = []

    def accepts(self, what: str, *, company_id: str | None) -> bool:
        """Tell whether another identity, or an unknown company, was acknowledged."""
        by_name = company_id is not None and company_id in self._companies
        if self._reason and (self._identities or by_name):
            self._used.append(f"acknowledged ({self._reason}): {what}")
            return True
        self.would_help = True
        return False

    @property
    def words(self) -> tuple[str, ...]:
        """What was accepted, for the record."""
        return tuple(self._used)


def _objections(kind: str, company: CompanyFacts, accepted: _Acknowledged) -> list[str]:
    if not company.files or (company.unregistered and kind != LIVE):
        return []
    where = company.directory
    if kind == LIVE:
        return _live_objections(company, where)
    verdict = company.verdict
    if verdict is not None and verdict.relation == FILE_AHEAD:
        return [f"{where}: it is ahead of the database: {verdict.reason}"]
    what = ""
    if not company.known:
        what = f"{where}: the database does not know company {company.company_id or '?'}"
    elif verdict is None:
        what = f"{where}: without usable credentials nobody can tell whose keys these are"
    elif verdict.relation == ANOTHER:
        what = f"{where}: {verdict.reason}"
    if not what or accepted.accepts(what, company_id=company.company_id):
        return []
    return [f"{what}; acknowledge it with a reason, or keep the directory"]


def _live_objections(company: CompanyFacts, where: str) -> list[str]:
    if not company.known or company.verdict is None or company.verdict.relation == ABSENT:
        return [f"{where}: the database does not know company {company.company_id or '?'}"]
    if company.verdict.relation not in (SAME, DESCENDS):
        return [f"{where}: {company.verdict.reason}"]
    return []
