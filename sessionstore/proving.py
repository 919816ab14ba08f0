"""Proving that what the database holds is what the files hold, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sessionstore.company_rows import read_credentials
from sessionstore.database import Connection, explained, lock_company, transaction
from sessionstore.errors import Refused
from sessionstore.files import CREDS, KEY
from sessionstore.grammar import CREDENTIALS, decode, encode, spellings
from sessionstore.records import ACTIVE, STAGED, WITHDRAWN, ImportRecord, record_digests, require
from sessionstore.rows import read_rows, row_digest
from sessionstore.tree import CompanyScan, DirectoryScan
from sessionstore.values import ValueProblem, digest, parse

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
        file: the file name; for a row without a file the name it would have.
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


class _Differences:
    """Counts differences and keeps the first."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: list[Mismatch] = []

    def add(self, file: str, reason: str) -> None:
        self.count += 1
        if len(self.kept) < SHOWN:
            self.kept.append(Mismatch(file, reason))


def prove(conn: Connection, import_id: str, scan: DirectoryScan) -> Proof:
    """Compare a fresh scan of the frozen directory with the rows as read back.

    Args:
        conn: an open connection, in no transaction.
        import_id: a UUID.
        scan: made after the import, contents read.

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
        company = scan.company(record.company_id)
        files = _files(company, scan, found)
        _files_against_record(files, record_digests(conn, import_id), found)
        rows, credentials_equal = _rows_against(conn, record, files, found)
        _names_against_record(conn, record, rows, found)
    return Proof(
        found.count == 0,
        len(files),
        len(files) - (CREDENTIALS in files),
        rows,
        credentials_equal,
        tuple(found.kept),
        found.count,
        time.monotonic() - started,
    )


def _files(
    company: CompanyScan | None, scan: DirectoryScan, found: _Differences
) -> dict[str, tuple[str | None, str | None]]:
    if company is None:
        found.add(CREDENTIALS, f"no single directory of this company in {scan.label}")
        return {}
    for problem in (*scan.blocking, *company.blocking):
        found.add(problem.where, f"{problem.kind}: {problem.detail}")
    return {
        entry.name: (entry.sha256, entry.value_sha256)
        for entry in company.files
        if entry.kind in (KEY, CREDS)
    }


def _files_against_record(
    files: dict[str, tuple[str | None, str | None]],
    record: dict[str, tuple[str, str]],
    found: _Differences,
) -> None:
    if files == record:
        return
    for name in sorted(files.keys() | record.keys()):
        if name not in record:
            found.add(name, "the file was not there when it was imported")
        elif name not in files:
            found.add(name, "the file is gone since it was imported")
        elif files[name] != record[name]:
            found.add(name, "the file changed since it was imported")


def _rows_against(
    conn: Connection,
    record: ImportRecord,
    files: Mapping[str, tuple[str | None, str | None]],
    found: _Differences,
) -> tuple[int, bool]:
    """Compare rows and credentials with the files' digests; each file's row exactly once."""
    # By type and id: ('pre', 'key-1') encodes to the same name as ('pre-key', '1'), and the
    # service would never find it.
    waiting = {decode(name): value for name, (_, value) in files.items() if name != CREDENTIALS}
    rows = 0
    for row in read_rows(conn, record.company_id):
        rows += 1
        if row.key not in waiting:
            found.add(encode(row.key), f"the database has a row {row.key} without a file")
        elif row_digest(row) != waiting.pop(row.key):
            found.add(encode(row.key), "the row differs from the file")
    for key in waiting:
        found.add(encode(key) if key else "?", "the file has no row in the database")
    _no_other_spelling(conn, record.company_id, found)
    _, expected = files.get(CREDENTIALS, (None, None))
    equal = expected is not None and _credentials_digest(conn, record.company_id) == expected
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


def _credentials_digest(conn: Connection, company_id: str) -> str | None:
    row = read_credentials(conn, company_id)
    try:
        return digest(parse(row.text)) if row else None
    except ValueProblem:
        return None


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
    found = _Differences()
    rows, _ = _rows_against(conn, record, record_digests(conn, record.import_id), found)
    _names_against_record(conn, record, rows, found)
    return found


def withdraw(conn: Connection, import_id: str, *, active: bool = False) -> int:
    """Take an import back: delete exactly its rows.

    Args:
        conn: an open connection, in no transaction.
        import_id: a UUID.
        active: take back an active import too. It is compared in the same transaction, so that
            one of which a row has moved since is refused like any other.

    Returns:
        How many rows were deleted, credentials included; 0 when it was withdrawn before.

    Raises:
        Refused: it is active and ``active`` is not set, or a row no longer equals its record,
            or one was added.
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
