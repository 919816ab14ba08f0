"""Proving that what the database holds is what the files hold, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress

from sessionstore.database import standing
from sessionstore.database.companies import read_credentials
from sessionstore.database.connection import Connection, explained, lock_company, transaction
from sessionstore.database.imports import (
    ACTIVE,
    STAGED,
    WITHDRAWN,
    ImportRecord,
    recorded_files,
    require,
)
from sessionstore.database.keys import read_rows
from sessionstore.errors import Refused
from sessionstore.garbage import without_collector
from sessionstore.keys.canonical import stored_value_has
from sessionstore.keys.names import CREDENTIALS, decode, encode, spellings
from sessionstore.scan.result import CompanyScan, DirectoryScan
from sessionstore.scan.table import CREDS, KEY, FileEntry, FileTable

#: A proof lists this many mismatches; it counts all.
SHOWN = 100

# The rows encoded as Baileys names files, against the names that were recorded: needs no
# decoding at all, so a mistake in the grammar can't hide in it (docs/facts.md section 2).
_NAMES = """
SELECT count(*) FILTER (WHERE r.name IS NULL), count(*) FILTER (WHERE f.name IS NULL),
       min(coalesce(r.name, f.name)) FILTER (WHERE r.name IS NULL OR f.name IS NULL), count(*)
  FROM (SELECT replace(replace(key_type || '-' || key_id || '.json', '/', '__'), ':', '-') AS name
          FROM whatsapp_keys WHERE company_id = %(company)s) AS r
  FULL JOIN (SELECT file_name AS name FROM whatsapp_import_files
              WHERE import_id = %(import)s AND key_type IS NOT NULL) AS f USING (name)
"""


@dataclass(frozen=True)
class Mismatch:
    """One file, or row, that is not equal.

    Attributes:
        file: the file name; for a row without a file the name it would have; or the database.
        reason: in words.
    """

    file: str
    reason: str


@dataclass(frozen=True)
class Proof:
    """The outcome of comparing files, record and rows.

    Attributes:
        ok: whether everything is equal.
        files: files compared, creds.json included.
        keys: key files among them.
        rows: rows of whatsapp_keys read back.
        credentials_equal: creds.json against whatsapp_auth.
        mismatches: the first :data:`SHOWN` differences.
        differences: how many there are in all.
        seconds: how long it took.
    """

    ok: bool
    files: int
    keys: int
    rows: int
    credentials_equal: bool
    mismatches: tuple[Mismatch, ...]
    differences: int
    seconds: float


_SAY = 'where a directory is not called company_ID, "companies": {"DIRECTORY": "ID"} says it'


class _Differences:
    """Counts differences and keeps the first."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: list[Mismatch] = []

    def add(self, file: str, reason: str) -> None:
        self.count += 1
        if len(self.kept) < SHOWN:
            self.kept.append(Mismatch(file, reason))


@without_collector()
def prove(conn: Connection, import_id: str, scan: DirectoryScan, *, active: bool = False) -> Proof:
    """Compare a fresh scan of the frozen directory with the rows as read back.

    Args:
        conn: an open connection, in no transaction.
        import_id: a UUID.
        scan: made after the import, contents read.
        active: the import must have been declared active too: until then a run may take it back.

    Returns:
        The proof; look at ``ok``.

    Raises:
        Refused: there is no such import, or the scan did not read contents.
    """
    started = time.monotonic()
    if not scan.contents:
        raise Refused("a proof needs a scan that read the files", scan.label)
    found = _Differences()
    with transaction(conn, "proving the import", import_id, isolation="REPEATABLE READ"):
        record = require(conn, import_id)
        if active and record.state != ACTIVE:
            found.add(CREDENTIALS, not_active(record))
        shaky = standing.of_database(conn) + standing.of_companies(conn, [record.company_id])
        for reason in shaky:
            found.add("the database", reason)
        company = scan.company(record.company_id)
        files = _Files(_fit_files(company, scan, found))
        rows, credentials_equal = 0, False
        if company is not None:
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


class _Files:
    """The session files of a table, found by name: one text and one number a file, no more."""

    def __init__(self, table: FileTable) -> None:
        self.table = table
        self.places = {
            entry.name: place for place, entry in enumerate(table) if entry.kind in (KEY, CREDS)
        }

    def value_sha256(self, name: str) -> str | None:
        """The digest of a file's value; None without such a file or value."""
        place = self.places.get(name)
        return None if place is None else self.table.digests(place)[1]


def _fit_files(company: CompanyScan | None, scan: DirectoryScan, found: _Differences) -> FileTable:
    if company is None:
        found.add(CREDENTIALS, f"{scan.label} has no single directory of this company; {_SAY}")
        return FileTable()
    for problem in (*scan.blocking, *company.blocking):
        found.add(problem.where, f"{problem.kind}: {problem.detail}")
    return company.files


def _files_against_record(files: _Files, record: Iterable[FileEntry], found: _Differences) -> None:
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
    conn: Connection, record: ImportRecord, files: _Files, found: _Differences
) -> tuple[int, bool]:
    """Compare rows and credentials with the files' digests; each file's row exactly once."""
    rows = 0
    waiting = files.places.keys() - {CREDENTIALS}
    for row in read_rows(conn, record.company_id):
        rows += 1
        name = encode(row.key)
        # By type and id: ('pre', 'key-1') encodes to the same name as ('pre-key', '1'), and the
        # service would never find it.
        if name not in waiting or decode(name) != row.key:
            found.add(name, f"the database has a row ({', '.join(row.key)}) without a file")
            continue
        waiting.discard(name)
        if not stored_value_has(row.text, files.value_sha256(name)):
            found.add(name, "the row differs from the file")
    for name in sorted(waiting):
        found.add(name, "the file has no row in the database")
    _no_other_spelling(conn, record.company_id, found)
    expected = files.value_sha256(CREDENTIALS)
    credentials = read_credentials(conn, record.company_id)
    equal = credentials is not None and stored_value_has(credentials.text, expected)
    if not equal:
        found.add(CREDENTIALS, "the credentials in the database differ from the file")
    return rows, equal


def _no_other_spelling(conn: Connection, company_id: str, found: _Differences) -> None:
    other = spellings(company_id)[1]
    row = conn.execute(
        "SELECT (SELECT count(*) FROM whatsapp_keys WHERE company_id = %(id)s)"
        " + (SELECT count(*) FROM whatsapp_auth WHERE company_id = %(id)s)",
        {"id": other},
    ).fetchone()
    if row != (0,):
        found.add(CREDENTIALS, f"the database also has rows of {other}")


def _names_against_record(
    conn: Connection, record: ImportRecord, rows: int, found: _Differences
) -> None:
    result = conn.execute(
        _NAMES, {"company": record.company_id, "import": record.import_id}
    ).fetchone()
    assert result is not None
    without_row, without_file, first, joined = result
    if without_row or without_file:
        found.add(str(first), f"names: {without_row} without a row, {without_file} without a file")
    elif joined != rows or rows != record.key_count:
        found.add(CREDENTIALS, f"{rows} rows, {joined} names, {record.key_count} recorded")


def not_active(record: ImportRecord) -> str:
    """Say why an import proves nothing.

    Args:
        record: of one that is not active.

    Returns:
        The reason and the way on, in words.
    """
    return (
        f"the import of company {record.company_id} is only {record.state}, it was never declared"
        " active and may be taken back: end what began it (import again, on these files; on a host"
        " baileys-hostswitch resume)"
    )


def unchanged(conn: Connection, import_id: str) -> bool:
    """Tell whether the database still holds exactly what was imported.

    Args:
        conn: an open connection, in no transaction.
        import_id: a UUID.

    Returns:
        True when every row and the credentials equal the record and none was added.

    Raises:
        Refused: there is no such import.
    """
    with transaction(conn, "comparing with the import", import_id, isolation="REPEATABLE READ"):
        return not _moved(conn, require(conn, import_id)).count


def _moved(conn: Connection, record: ImportRecord) -> _Differences:
    found, table = _Differences(), FileTable()
    for recorded in recorded_files(conn, record.import_id):
        table.append(recorded)
    rows, _ = _rows_against(conn, record, _Files(table), found)
    _names_against_record(conn, record, rows, found)
    return found


def withdraw(conn: Connection, import_id: str, scan: DirectoryScan, *, active: bool = False) -> int:
    """Take an import back: delete exactly its rows, whose files are all there.

    Args:
        conn: an open connection, in no transaction.
        import_id: a UUID.
        scan: of the directory that goes on holding the keys, contents read: what is not in it, byte
            for byte, only the database has.
        active: take back an active import too. It is compared in the same transaction, so that
            one of which a row has moved since is refused like any other.

    Returns:
        How many rows were deleted, credentials included; 0 when it was withdrawn before.

    Raises:
        Refused: it is active and ``active`` is not set, or a row no longer equals its record,
            or one was added, or a file that was imported is not there, or not the same.
            Nothing was deleted.
        OutcomeUnknown: the connection broke during COMMIT; call it again.
    """
    # Repeatable read: rows that someone changes after they were compared make the DELETE
    # fail, rows that someone adds make the foreign key refuse.
    with transaction(conn, "withdrawing the import", import_id, isolation="REPEATABLE READ"):
        record = require(conn, import_id)
        lock_company(conn, record.company_id)
        if record.state == WITHDRAWN:
            return 0
        if record.state != STAGED and not (active and record.state == ACTIVE):
            raise Refused(
                f"the import is {record.state}: the service may have moved its keys",
                import_id,
                "It can't be taken back; keep the service on the database.",
            )
        _refuse_without_files(conn, record, scan)
        moved = _moved(conn, record)
        if moved.count:
            raise Refused(
                f"{moved.count} row(s) no longer equal what was imported, the first:"
                f" {moved.kept[0].file}: {moved.kept[0].reason}",
                record.company_id,
                "Somebody wrote to the company since; nothing was deleted.",
                [f"{one.file}: {one.reason}" for one in moved.kept],
            )
        return _delete(conn, record)


def _refuse_without_files(conn: Connection, record: ImportRecord, scan: DirectoryScan) -> None:
    company = scan.company(record.company_id)
    files = _Files(company.files if company and scan.contents else FileTable())
    gone = [
        one.name
        for one in recorded_files(conn, record.import_id)
        if not files.table.has_digests(
            files.places.get(one.name, len(files.table)), one.sha256, one.value_sha256
        )
    ]
    if gone:
        raise Refused(
            f"{len(gone)} file(s) that were imported from {record.source} are not in {scan.label}"
            f" as they were, such as {min(gone)}: the database may be all that has them",
            record.company_id,
            'Run it on the very files; where they are gone, see "Left staged" in'
            " docs/session-data.md.",
        )


def _delete(conn: Connection, record: ImportRecord) -> int:
    company = [record.company_id]
    keys = conn.execute("DELETE FROM whatsapp_keys WHERE company_id = %s", company).rowcount
    creds = conn.execute("DELETE FROM whatsapp_auth WHERE company_id = %s", company).rowcount
    if (keys, creds) != (record.key_count, 1):
        raise Refused(f"{keys} keys and {creds} credentials would go", record.company_id)
    with explained("withdrawing the import", record.import_id):
        conn.execute(
            "UPDATE whatsapp_imports SET state = %s, withdrawn_at = now() WHERE import_id = %s",
            [WITHDRAWN, record.import_id],
        )
    return keys + creds
