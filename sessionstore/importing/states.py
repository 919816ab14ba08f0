"""The states of an import: staged, then active or withdrawn; a withdrawn one may be staged again."""

from __future__ import annotations

from sessionstore.database import imports
from sessionstore.database.connection import Connection, lock_company, transaction
from sessionstore.database.imports import ImportRecord
from sessionstore.errors import Refused
from sessionstore.importing import proof
from sessionstore.scan.result import DirectoryScan
from sessionstore.scan.table import FileTable
from sessionstore.tables.statements import statement

_NO_KEYS = "DELETE FROM {keys_table} WHERE {keys_of}"
_NO_CREDENTIALS = "DELETE FROM {credentials_table} WHERE {credentials_of}"


def activate(conn: Connection, import_id: str) -> ImportRecord:
    """Declare a staged import, durably, to be what the service runs on; one that is so already stays."""
    with transaction(conn, "activating the import", import_id):
        record = imports.require(conn, import_id)
        lock_company(conn, record.company_id)
        conn.execute(
            "UPDATE whatsapp_imports SET state = 'active', activated_at = now()"
            " WHERE import_id = %s AND state = 'staged'",
            [import_id],
        )
        record = imports.require(conn, import_id)
        if record.state != imports.ACTIVE:
            raise Refused(f"the import is {record.state}, it can't become active", import_id)
    return record


def withdraw(conn: Connection, import_id: str, scan: DirectoryScan, *, active: bool = False) -> int:
    """Take an import back: delete exactly its rows; gives their number, credentials too, 0 once withdrawn.

    Args:
        scan: of the directory that goes on holding the keys, contents read: what is not in it, byte
            for byte, only the database has.
        active: take back an active import too, as long as no row has moved since.
    """
    # Repeatable read: rows that someone changes after they were compared make the DELETE
    # fail, rows that someone adds make the foreign key refuse.
    with transaction(conn, "withdrawing the import", import_id, isolation="REPEATABLE READ"):
        record = imports.require(conn, import_id)
        lock_company(conn, record.company_id)
        if record.state == imports.WITHDRAWN:
            return 0
        if record.state != imports.STAGED and not (active and record.state == imports.ACTIVE):
            what = f"the import is {record.state}: the service may have moved its keys"
            remedy = "It can't be taken back; keep the service on the database."
            raise Refused(what, import_id, remedy)
        _refuse_without_files(conn, record, scan)
        moved = proof.moved(conn, record)
        if moved.count:
            reasons = [f"{one.file}: {one.reason}" for one in moved.kept]
            raise Refused(
                f"{moved.count} row(s) no longer equal what was imported, the first: {reasons[0]}",
                record.company_id,
                "Somebody wrote to the company since; nothing was deleted.",
                reasons,
            )
        return _delete(conn, record)


def _refuse_without_files(conn: Connection, record: ImportRecord, scan: DirectoryScan) -> None:
    company = scan.company(record.company_id)
    files = proof.Files(company.files if company and scan.contents else FileTable())
    nowhere = len(files.table)
    gone = [
        name
        for name, *_, sha256, value_sha256 in imports.recorded_files(conn, record.import_id)
        if not files.table.has_digests(files.places.get(name, nowhere), sha256, value_sha256)
    ]
    if gone:
        what = (
            f"{len(gone)} file(s) that were imported from {record.source} are not in {scan.label}"
            f" as they were, such as {min(gone)}: the database may be all that has them"
        )
        remedy = 'Run it on the very files; where they are gone, see "Left staged" in docs/session-data.md.'
        raise Refused(what, record.company_id, remedy)


def _delete(conn: Connection, record: ImportRecord) -> int:
    company = [conn.tables.spelled(record.company_id)]
    keys = conn.execute(statement(conn.tables, _NO_KEYS), company).rowcount
    creds = conn.execute(statement(conn.tables, _NO_CREDENTIALS), company).rowcount
    if (keys, creds) != (record.key_count, 1):
        raise Refused(f"{keys} keys and {creds} credentials would go", record.company_id)
    conn.execute(
        "UPDATE whatsapp_imports SET state = %s, withdrawn_at = now() WHERE import_id = %s",
        [imports.WITHDRAWN, record.import_id],
    )
    return keys + creds


def forget_withdrawn(conn: Connection, import_id: str) -> None:
    gone = [import_id, imports.WITHDRAWN]
    conn.execute(
        "DELETE FROM whatsapp_import_files WHERE import_id ="
        " (SELECT import_id FROM whatsapp_imports WHERE import_id = %s AND state = %s)",
        gone,
    )
    conn.execute("DELETE FROM whatsapp_imports WHERE import_id = %s AND state = %s", gone)
