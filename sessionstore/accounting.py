"""Accounting for every file of a directory against the database as it is now.

Reads the database in one snapshot and the files through descriptors; decides nothing by
itself: the rules are in :mod:`sessionstore.dispositions` and :mod:`sessionstore.decisions`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sessionstore import standing
from sessionstore.activity import NOT_KNOWN, Activity
from sessionstore.canonical import stored_value_has
from sessionstore.collector import without_collector
from sessionstore.company_rows import CredentialsRow, read_credentials, read_value
from sessionstore.database import Connection, clock, transaction
from sessionstore.decisions import LIVE, CompanyFacts, DirectoryDecision, decide
from sessionstore.descriptors import closing
from sessionstore.dispositions import (
    ARCHIVED,
    EQUAL,
    UNEXPLAINED,
    Disposition,
    judge,
    judge_credentials,
    told_by_time,
)
from sessionstore.encoded_twice import why_encoded_twice
from sessionstore.errors import Refused
from sessionstore.facts import Company, File, Row
from sessionstore.files import ARTEFACT, CREDS, ONLY_COPY, FileEntry
from sessionstore.grammar import Key, decode, encode
from sessionstore.known_companies import KnownCompanies, readable
from sessionstore.lineage import compare
from sessionstore.proving import not_active
from sessionstore.reading import BadFile, read_session_file
from sessionstore.records import ACTIVE, ImportRecord, find_for_company, imported_file
from sessionstore.rows import KeyRow, read_rows
from sessionstore.tree import CompanyScan, DirectoryScan, Problem
from sessionstore.values import Value, ValueProblem, digest, parse

#: What forbids removing a directory of any kind: it could not even be archived whole.
NEVER_REMOVABLE = (
    "not a regular file",
    "unreadable",
    "changed while read",
    "another file system",
    "too deep",
)


@dataclass(frozen=True)
class Accounting:
    """The outcome for one directory.

    Attributes:
        decision: whether it may be removed, and why not.
        dispositions: of every file that does not simply equal its row.
        companies: the facts for each company directory.
    """

    decision: DirectoryDecision
    dispositions: tuple[Disposition, ...]
    companies: tuple[CompanyFacts, ...]


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
    """Account for every file of a directory.

    Args:
        conn: an open connection, in no transaction.
        scan: of the directory, contents read.
        kind: as declared: live, backup or test.
        company_ids: the companies of the host; the only one of them is taken for files
            that lie in the directory itself and belong to no other by identity.
        activity: what the service does, and who holds something there, as far as it is known.
        acknowledge: as declared, or None.

    Returns:
        The decision with everything that led to it.

    Raises:
        Refused: the scan did not read contents.
        DatabaseProblem: the tables can't be read.
    """
    if not scan.contents:
        raise Refused("accounting needs a scan that read the files", scan.label)
    with transaction(conn, "accounting for files", scan.label, isolation="REPEATABLE READ"):
        known = KnownCompanies(conn, company_ids)
        doubts: list[str] = []
        companies = tuple(_company(known, scan, one, kind, doubts) for one in scan.companies)
        doubts += standing.of_database(conn)
        if kind == LIVE:
            doubts += standing.of_companies(conn, [c.company_id for c in companies if c.company_id])
    others = [_without_row(entry, entry.name, kind) for entry in scan.others]
    every = (*others, *(one for facts in companies for one in facts.dispositions))
    named = {one.file for one in every if one.outcome == UNEXPLAINED}
    blocking = [*_blocking(scan, kind, named), *doubts]
    decision = decide(kind, companies, others, blocking, acknowledge, activity=activity)
    return Accounting(decision, every, companies)


def _blocking(scan: DirectoryScan, kind: str, named: set[str]) -> list[str]:
    problems = [*scan.problems, *(one for company in scan.companies for one in company.problems)]
    return [
        f"{problem.where}: {problem.kind} ({problem.detail})"
        for problem in problems
        if _forbids(problem, kind) and problem.where not in named
    ]


def _forbids(problem: Problem, kind: str) -> bool:
    return problem.kind in NEVER_REMOVABLE or (kind == LIVE and problem.blocks)


def _company(
    known: KnownCompanies,
    scan: DirectoryScan,
    company: CompanyScan,
    kind: str,
    doubts: list[str],
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
            _without_row(entry, _path(company, entry), kind, reason) for entry in company.files
        ]
        equal = 0
    else:
        record = find_for_company(known.conn, company_id)
        if record is not None and record.state != ACTIVE:
            doubts.append(f"{company.directory}: {not_active(record)}")
        comparison = _Comparison(known.conn, company_id, scan, company, kind, record)
        comparison.read_database()
        context = Company(
            verdict,
            company.credentials.clocks if company.credentials else None,
            database.clocks if database else None,
            record.created_at.timestamp() if record else None,
            clock(known.conn),
            comparison.lid_of,
            comparison.value_of,
        )
        dispositions = comparison.judge(context, row)
        equal = len(company.files) - len(dispositions)
    if company_id and row and any(one.outcome == UNEXPLAINED for one in dispositions):
        doubts.extend(filter(None, [why_encoded_twice(known.conn, company_id)]))
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


def _path(company: CompanyScan, entry: FileEntry) -> str:
    return entry.name if company.directory == "." else f"{company.directory}/{entry.name}"


def _without_row(
    entry: FileEntry,
    path: str,
    kind: str,
    reason: str = "it lies outside any company's directory",
) -> Disposition:
    """A file that no row of the database can stand for."""
    if entry.kind == ARTEFACT:
        return Disposition(path, ARCHIVED, "an artefact: Baileys never reads it")
    if kind != LIVE:
        return Disposition(path, ARCHIVED, "not in the database")
    if entry.kind == ONLY_COPY:
        return Disposition(path, UNEXPLAINED, "a copy of a key whose own file is missing or torn")
    if entry.key is None and entry.kind != CREDS:
        return Disposition(path, UNEXPLAINED, "the name is no key that Baileys writes")
    return Disposition(path, UNEXPLAINED, reason)


@dataclass
class _Comparison:
    """One company's files against its rows; keeps values only where they differ."""

    conn: Connection
    company_id: str
    scan: DirectoryScan
    company: CompanyScan
    kind: str
    record: ImportRecord | None
    _equal: bytearray = field(default_factory=bytearray)
    _different: dict[Key, KeyRow] = field(default_factory=dict)
    _lids: dict[str, str] = field(default_factory=dict)

    def read_database(self) -> None:
        table = self.company.files
        self._equal = bytearray(len(table))
        places = {name: place for place, name in enumerate(table.names())}
        import_id = self.record.import_id if self.record else None
        for row in read_rows(self.conn, self.company_id, import_id):
            key = row.key
            if key.key_type == "lid-mapping" and not key.key_id.endswith("_reverse"):
                self._note_lid(key.key_id, row.text)
            name = row.file_name or encode(key)
            place = places.get(name)
            # What was imported was decoded then. Of other rows several may encode to one name.
            if place is None or not (row.file_name or decode(name) == key):
                continue
            _, mine = table.digests(place)
            if stored_value_has(row.text, mine):
                self._equal[place] = True
            else:
                self._different[key] = row

    def _note_lid(self, user: str, text: bytes) -> None:
        try:
            value = parse(text)
        except ValueProblem:
            return
        if isinstance(value, str):
            self._lids[user] = value

    def value_of(self, key: Key) -> Value | None:
        text = read_value(self.conn, self.company_id, key)
        try:
            return None if text is None else parse(text)
        except ValueProblem:
            return None

    def lid_of(self, user: str) -> str | None:
        return self._lids.get(user)

    def judge(self, context: Company, creds: CredentialsRow) -> list[Disposition]:
        found = []
        with closing(self.scan.open_company(self.company)) as fd:
            for place, equal in enumerate(self._equal):
                if equal:
                    continue
                one = self._judge_file(fd, self.company.files[place], context, creds)
                if one.outcome == UNEXPLAINED and self.kind != LIVE:
                    one = Disposition(one.file, ARCHIVED, one.reason)
                if one.outcome != EQUAL:
                    found.append(one)
        return found

    def _judge_file(
        self, fd: int, entry: FileEntry, context: Company, creds: CredentialsRow
    ) -> Disposition:
        path = _path(self.company, entry)
        if entry.kind == CREDS:
            return self._judge_creds(path, entry, context, creds)
        if entry.key is None:
            return _without_row(entry, path, self.kind)
        try:
            reading = read_session_file(fd, entry.name)
            there = self._different.get(entry.key)
            row = Row(parse(there.text), there.updated_at) if there else None
        except (BadFile, ValueProblem) as trouble:
            return Disposition(path, UNEXPLAINED, f"can't be compared: {trouble}")
        if reading.sha256 != entry.sha256:
            return Disposition(path, UNEXPLAINED, "the file changed since it was scanned")
        if there and stored_value_has(there.text, reading.value_sha256):
            # Its value was taken from an import's record, and that was not what the file holds.
            return Disposition(path, EQUAL, "")
        imported = self._imported(entry) if told_by_time(entry.key) else None
        file = File(path, entry.key, reading.value, entry.mtime_ns / 1e9, imported)
        return judge(file, row, context)

    def _imported(self, entry: FileEntry) -> bool | None:
        """Whether a live file is what was imported; a backup's was never meant to be."""
        if self.kind != LIVE or self.record is None:
            return None
        recorded = imported_file(self.conn, self.record.import_id, entry.name)
        return None if recorded is None else recorded == entry.sha256

    def _judge_creds(
        self, path: str, entry: FileEntry, context: Company, creds: CredentialsRow
    ) -> Disposition:
        try:
            theirs = parse(creds.text)
        except ValueProblem as trouble:
            return Disposition(path, UNEXPLAINED, f"the row can't be read exactly: {trouble}")
        if digest(theirs) == entry.value_sha256:
            return Disposition(path, EQUAL, "")
        name = Key(CREDS, "")
        file = File(path, name, None, entry.mtime_ns / 1e9, self._imported(entry))
        return judge_credentials(file, Row(theirs, creds.updated_at), context)
