"""Proving that what the database holds is what the files hold."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress

from sessionstore.database import standing
from sessionstore.database.companies import read_credentials, read_rows
from sessionstore.database.connection import Connection, transaction
from sessionstore.database.imports import ACTIVE, ImportRecord, recorded_files, require
from sessionstore.errors import Refused
from sessionstore.garbage import without_collector
from sessionstore.keys.canonical import stored_value_has
from sessionstore.keys.names import CREDENTIALS, decode, encode
from sessionstore.scan.result import DirectoryScan
from sessionstore.scan.table import CREDS, KEY, FileEntry, FileTable
from sessionstore.tables.statements import statement

#: A proof lists this many mismatches; it counts all.
SHOWN = 100

# The rows encoded as Baileys names files, against the names that were recorded: needs no
# decoding at all, so a mistake in the grammar can't hide in it (docs/facts.md section 2).
_NAMES = """
SELECT count(*) FILTER (WHERE r.name IS NULL), count(*) FILTER (WHERE f.name IS NULL),
       min(coalesce(r.name, f.name)) FILTER (WHERE r.name IS NULL OR f.name IS NULL), count(*)
  FROM (SELECT file_name AS name FROM {keys} WHERE company_id = %(company)s) AS r
  FULL JOIN (SELECT file_name AS name FROM whatsapp_import_files
              WHERE import_id = %(import)s AND key_type IS NOT NULL) AS f USING (name)
"""


_OTHERS = """
SELECT company_id FROM {keys} WHERE company_id = ANY(%(ids)s)
 UNION SELECT company_id FROM {credentials} WHERE company_id = ANY(%(ids)s)
"""


@dataclass(frozen=True)
class Mismatch:
    file: str  # the file name; for a row without a file the name it would have; or the database
    reason: str  # in words


@dataclass(frozen=True)
class Proof:
    ok: bool  # whether everything is equal
    files: int  # files compared, creds.json included
    keys: int  # key files among them
    rows: int  # of keys, read back
    credentials_equal: bool
    mismatches: tuple[Mismatch, ...]  # the first :data:`SHOWN` differences
    differences: int  # how many there are in all
    seconds: float


_SAY = 'where a directory is not called so, "companies": {"DIRECTORY": "ID"} says it'


class Differences:
    def __init__(self) -> None:
        self.count = 0
        self.kept: list[Mismatch] = []

    def add(self, file: str, reason: str) -> None:
        self.count += 1
        if len(self.kept) < SHOWN:
            self.kept.append(Mismatch(file, reason))


@without_collector()
def prove(conn: Connection, import_id: str, scan: DirectoryScan, *, active: bool = False) -> Proof:
    """Compare a scan made after the import with the rows; until it is ``active`` a run may take it back."""
    started = time.monotonic()
    if not scan.contents:
        raise Refused("a proof needs a scan that read the files", scan.label)
    found = Differences()
    with transaction(conn, "proving the import", import_id, isolation="REPEATABLE READ"):
        record = require(conn, import_id)
        if active and record.state != ACTIVE:
            found.add(CREDENTIALS, not_active(record))
        shaky = standing.of_database(conn) + standing.of_companies(conn, [record.company_id])
        for reason in shaky:
            found.add("the database", reason)
        company = scan.company(record.company_id)
        files = Files(company.files if company else FileTable())
        rows, credentials_equal = 0, False
        if company is None:
            where = f"{scan.label} has no single directory of this company, {scan.layout.expected}"
            found.add(CREDENTIALS, f"{where}; {_SAY}")
        else:
            for problem in (*scan.blocking, *company.blocking):
                found.add(problem.where, f"{problem.kind}: {problem.detail}")
            _files_against_record(files, recorded_files(conn, import_id), found)
            rows, credentials_equal = _rows_against(conn, record, files, found)
            _names_against_record(conn, record, rows, found)
    return Proof(
        found.count == 0,
        len(files.places),
        len(files.places) - (CREDENTIALS in files.places),
        rows,
        credentials_equal,
        tuple(found.kept),
        found.count,
        time.monotonic() - started,
    )


class Files:
    """The session files of a table, found by name: one text and one number a file, no more."""

    def __init__(self, table: FileTable) -> None:
        self.table = table
        self.places = {
            entry.name: place for place, entry in enumerate(table) if entry.kind in (KEY, CREDS)
        }

    def value_sha256(self, name: str) -> str | None:
        place = self.places.get(name)
        return None if place is None else self.table.digests(place)[1]


def _files_against_record(files: Files, record: Iterable[FileEntry], found: Differences) -> None:
    different: dict[str, str] = {}
    waiting = bytearray(len(files.table))
    for place in files.places.values():
        waiting[place] = True
    for recorded in record:
        place = files.places.get(recorded.name, -1)
        if place < 0:
            different[recorded.name] = "the file is gone since it was imported"
            continue
        waiting[place] = False
        if not files.table.has_digests(place, recorded.sha256, recorded.value_sha256):
            different[recorded.name] = "the file changed since it was imported"
    for place in compress(range(len(waiting)), waiting):
        different[files.table[place].name] = "the file was not there when it was imported"
    for name in sorted(different):
        found.add(name, different[name])


def _rows_against(
    conn: Connection, record: ImportRecord, files: Files, found: Differences
) -> tuple[int, bool]:
    """Compare rows and credentials with the files' digests; each file's row exactly once."""
    rows, revived = 0, conn.tables.revived
    waiting = files.places.keys() - {CREDENTIALS}
    for key, row in read_rows(conn, record.company_id):
        rows += 1
        name = encode(key)
        # By type and id: ('pre', 'key-1') encodes to the same name as ('pre-key', '1'), and the
        # service would never find it.
        if name not in waiting or decode(name) != key:
            found.add(name, f"the database has a row ({', '.join(key)}) without a file")
            continue
        waiting.discard(name)
        if not stored_value_has(row.text, files.value_sha256(name), revived):
            found.add(name, "the row differs from the file")
    for name in sorted(waiting):
        found.add(name, "the file has no row in the database")
    _no_other_spelling(conn, record.company_id, found)
    expected = files.value_sha256(CREDENTIALS)
    credentials = read_credentials(conn, record.company_id)
    equal = credentials is not None and stored_value_has(credentials.text, expected, revived)
    if not equal:
        found.add(CREDENTIALS, "the credentials in the database differ from the file")
    return rows, equal


def _no_other_spelling(conn: Connection, company_id: str, found: Differences) -> None:
    others = list(conn.tables.spellings(company_id)[1:])
    for (other,) in conn.execute(statement(conn.tables, _OTHERS), {"ids": others}).fetchall():
        found.add(CREDENTIALS, f"the database also has rows of {other}")


def _names_against_record(
    conn: Connection, record: ImportRecord, rows: int, found: Differences
) -> None:
    whose = {"company": conn.tables.spelled(record.company_id), "import": record.import_id}
    result = conn.execute(statement(conn.tables, _NAMES), whose).fetchone()
    assert result is not None
    without_row, without_file, first, joined = result
    if without_row or without_file:
        found.add(str(first), f"names: {without_row} without a row, {without_file} without a file")
    elif joined != rows or rows != record.key_count:
        found.add(CREDENTIALS, f"{rows} rows, {joined} names, {record.key_count} recorded")


def not_active(record: ImportRecord) -> str:
    return (
        f"the import of company {record.company_id} is only {record.state}, it was never declared"
        " active and may be taken back: end what began it (import again, on these files; on a host"
        " baileys-hostswitch resume)"
    )


def unchanged(conn: Connection, import_id: str) -> bool:
    """Tell whether every row and the credentials equal what was imported, and none was added."""
    with transaction(conn, "comparing with the import", import_id, isolation="REPEATABLE READ"):
        return not moved(conn, require(conn, import_id)).count


def moved(conn: Connection, record: ImportRecord) -> Differences:
    """What the database holds otherwise than was imported; in the caller's transaction."""
    found, table = Differences(), FileTable()
    for recorded in recorded_files(conn, record.import_id):
        table.append(recorded)
    rows, _ = _rows_against(conn, record, Files(table), found)
    _names_against_record(conn, record, rows, found)
    return found
