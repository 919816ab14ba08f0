"""Accounting for every file of a directory against the database as it is now.

Reads the database in one snapshot and the files through descriptors; decides nothing by
itself: the rules are in :mod:`sessionstore.judgement.file` and :mod:`sessionstore.judgement.directory`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from sessionstore.database import standing
from sessionstore.database.companies import (
    all_credentials,
    read_credentials,
    readable,
    why_unlike_rows,
)
from sessionstore.database.connection import Connection, explained, transaction
from sessionstore.database.imports import ACTIVE, find_for_company
from sessionstore.errors import Refused
from sessionstore.garbage import without_collector
from sessionstore.importing.proof import not_active
from sessionstore.judgement.activity import NOT_KNOWN, Activity
from sessionstore.judgement.directory import LIVE, CompanyFacts, DirectoryDecision, decide
from sessionstore.judgement.file import UNEXPLAINED, Disposition
from sessionstore.judgement.lineage import compare
from sessionstore.keys.credentials import Identity
from sessionstore.removal.comparison import Comparison, without_row
from sessionstore.scan.result import CompanyScan, DirectoryScan
from sessionstore.tables.statements import statement

#: What forbids removing a directory of any kind: it could not even be archived whole.
NEVER_REMOVABLE = (
    "not a regular file",
    "unreadable",
    "changed while read",
    "another file system",
    "too deep",
)


_ROWS = """
SELECT company_id, key_type, array_agg(hashtextextended(concat_ws(E'\x1f', key_id,
           CASE WHEN key_type IN ('pre-key', 'app-state-sync-key') THEN value::text END)
           COLLATE "C", 0))
  FROM {keys} WHERE company_id = ANY(%s) GROUP BY 1, 2
"""


class Census(NamedTuple):
    """Which rows there are of companies, in one snapshot: a later one tells whether any went."""

    #: whose credentials each company's are; None where it has none that can be read
    identities: dict[str, Identity | None]
    #: by company and key type, a number for each row: of its id and, where a key of that type never
    #: changes, its value
    rows: dict[tuple[str, str], frozenset[int]]


def census(conn: Connection, company_ids: Collection[str]) -> Census:
    with explained("counting rows", ", ".join(company_ids)):
        spelled = {conn.tables.spelled(one): one for one in company_ids}
        found = conn.execute(statement(conn.tables, _ROWS), [list(spelled)]).fetchall()
    rows = {one: read_credentials(conn, one) for one in company_ids}
    credentials = {one: readable(row.text) if row else None for one, row in rows.items()}
    return Census(
        {one: found.identity if found else None for one, found in credentials.items()},
        {(spelled[one], key_type): frozenset(numbers) for one, key_type, numbers in found},
    )


class KnownCompanies:
    """The companies that the database knows; a host's only one has what lies in the directory itself."""

    def __init__(self, conn: Connection, company_ids: Collection[str]) -> None:
        self.conn = conn
        self._only = next(iter(company_ids)) if len(company_ids) == 1 else None

    def company_for(self, company: CompanyScan) -> str | None:
        if company.company_id is not None:
            return company.company_id
        if company.credentials is not None:
            found = self._by_identity.get(company.credentials.identity)
            if found is not None:
                return found
        return self._only if company.directory == "." else None

    @cached_property
    def _by_identity(self) -> dict[Identity, str]:
        every = ((one, readable(text)) for one, text in all_credentials(self.conn))
        return {found.identity: one for one, found in every if found}


@dataclass(frozen=True)
class Accounting:
    decision: DirectoryDecision  # whether it may be removed, and why not
    dispositions: tuple[Disposition, ...]  # of every file that does not simply equal its row
    companies: tuple[CompanyFacts, ...]  # the facts for each company directory
    #: of a live directory's companies, in the very snapshot that all this was read from
    rows: Census


@without_collector()
def account(
    conn: Connection,
    scan: DirectoryScan,
    kind: str,
    *,
    company_ids: Collection[str] = (),
    activity: Activity = NOT_KNOWN,
    acknowledge: Mapping[str, object] | None = None,
) -> Accounting:
    """Account for every file of a directory of a kind, in a scan that read the contents."""
    if not scan.contents:
        raise Refused("accounting needs a scan that read the files", scan.label)
    with transaction(conn, "accounting for files", scan.label, isolation="REPEATABLE READ"):
        known = KnownCompanies(conn, company_ids)
        doubts: list[str] = []
        companies = tuple(_company(known, scan, one, kind, doubts) for one in scan.companies)
        ids = [one.company_id for one in companies if kind == LIVE and one.company_id]
        doubts += standing.of_database(conn) + standing.of_companies(conn, ids)
        rows = census(conn, ids)
    others = [without_row(entry, entry.name, kind) for entry in scan.others]
    every = (*others, *(one for facts in companies for one in facts.dispositions))
    named = {one.file for one in every if one.outcome == UNEXPLAINED}
    blocking = [
        problem.sentence
        for problem in scan.every_problem
        if problem.kind in NEVER_REMOVABLE or (kind == LIVE and problem.blocks)
        if problem.where not in named
    ]
    blocking += doubts
    decision = decide(kind, companies, others, blocking, acknowledge, activity=activity)
    return Accounting(decision, every, companies, rows)


def _company(
    known: KnownCompanies, scan: DirectoryScan, company: CompanyScan, kind: str, doubts: list[str]
) -> CompanyFacts:
    company_id = known.company_for(company)
    row = read_credentials(known.conn, company_id) if company_id else None
    database = readable(row.text) if row else None
    verdict = compare(company.credentials, database) if company.credentials else None
    # Torn credentials leave a fresh identity beside the old, valuable keys: that is no empty shell.
    unregistered = set(company.counts.by_type) <= {"pre-key"} and any(
        problem.kind == "not registered" for problem in company.problems
    )
    if company_id is None or row is None or verdict is None:
        reason = "the database does not have this company"
        if row is not None:
            reason = "without usable credentials beside it nobody can tell whose key this is"
        dispositions = [
            without_row(entry, company.path_of(entry), kind, reason) for entry in company.files
        ]
        equal = 0
    else:
        record = find_for_company(known.conn, company_id)
        if record is not None and record.state != ACTIVE:
            doubts.append(f"{company.directory}: {not_active(record)}")
        comparison = Comparison(known.conn, company_id, scan, company, kind, record)
        dispositions = comparison.judge(verdict, database, row)
        equal = len(company.files) - len(dispositions)
    if company_id and row and any(one.outcome == UNEXPLAINED for one in dispositions):
        doubts.extend(filter(None, [why_unlike_rows(known.conn, company_id)]))
    return CompanyFacts(
        company.directory,
        company_id,
        verdict,
        row is not None,
        len(company.files),
        unregistered,
        sorted(dispositions, key=lambda one: one.file),
        equal,
    )
