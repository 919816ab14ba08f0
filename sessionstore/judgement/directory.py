"""Deciding whether a whole directory may be removed, once a verified archive holds it.

Pure: from what accounting for its files gave, what the service does meanwhile, and what the
operator declared and acknowledged, to a decision with every reason (docs/session-data.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sessionstore.judgement.activity import Activity, obstacles
from sessionstore.judgement.file import ARCHIVED, EQUAL, OUTCOMES, UNEXPLAINED, Disposition
from sessionstore.judgement.lineage import ANOTHER, DESCENDS, FILE_AHEAD, SAME, Verdict

LIVE, BACKUP, TEST = "live", "backup", "test"
KINDS = (LIVE, BACKUP, TEST)
_NO_CREDENTIALS = "without usable credentials nobody can tell whose keys these are"


@dataclass(frozen=True)
class CompanyFacts:
    directory: str  # path below the scanned directory
    company_id: str | None  # the company in the database it belongs to, or the name it goes by
    verdict: Verdict | None  # lineage; None where there are no usable credentials
    known: bool  # whether the database has the company
    files: int  # how many files there are
    unregistered: bool  # credentials that never became a pairing, and none but pre-keys beside them
    dispositions: Sequence[Disposition]  # of every file that is not simply equal
    equal: int


@dataclass(frozen=True)
class DirectoryDecision:
    kind: str  # LIVE, BACKUP or TEST
    removable: bool
    reasons: tuple[str, ...]  # why not; or, when it is, what was acknowledged
    needs_acknowledge: bool  # whether an entry in ``acknowledge`` would change the decision
    counts: dict[str, int]  # files for each outcome
    beyond: tuple[str, ...]  # files of a backup or test directory that the archive alone will hold


def decide(
    kind: str,
    companies: Sequence[CompanyFacts],
    others: Sequence[Disposition],
    blocking: Sequence[str],
    acknowledge: Mapping[str, object] | None,
    *,
    activity: Activity,
) -> DirectoryDecision:
    """Decide about a directory; ``blocking`` forbids a removal whatever the kind, in words."""
    if kind not in KINDS:
        return DirectoryDecision(kind, False, (f"unknown kind {kind!r}",), False, {}, ())
    accepted = _Acknowledged(acknowledge)
    reasons = [*blocking, *(one.reason for one in obstacles(activity, live=kind == LIVE))]
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
        tuple(reasons or accepted.used),
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
        named = given.get("companies")
        self._companies = [*map(str, named)] if isinstance(named, (list, tuple)) else []
        self._identities = given.get("identities") is True
        self.would_help = False
        self.used: list[str] = []  # what was accepted, for the record

    def accepts(self, what: str, *, company_id: str | None) -> bool:
        by_name = company_id is not None and company_id in self._companies
        if self._reason and (self._identities or by_name):
            self.used.append(f"acknowledged ({self._reason}): {what}")
            return True
        self.would_help = True
        return False


def _objections(kind: str, company: CompanyFacts, accepted: _Acknowledged) -> list[str]:
    if not company.files or (company.unregistered and kind != LIVE):
        return []
    live, where, verdict = kind == LIVE, company.directory, company.verdict
    if not live and verdict is not None and verdict.relation == FILE_AHEAD:
        return [f"{where}: it is ahead of the database: {verdict.reason}"]
    what = ""
    if not company.known:
        what = f"{where}: the database does not know company {company.company_id or '?'}"
    elif verdict is None:
        what = f"{where}: {_NO_CREDENTIALS}"
    elif verdict.relation == ANOTHER or (live and verdict.relation not in (SAME, DESCENDS)):
        what = f"{where}: {verdict.reason}"
    if not what or (not live and accepted.accepts(what, company_id=company.company_id)):
        return []
    return [what if live else f"{what}; acknowledge it with a reason, or keep the directory"]
