"""Importing session files into a company that the database does not have.

Insert-only, in one transaction: a ratchet that goes back loses messages (docs/facts.md section
2, "What a mover must respect"). Each file is recorded with the digest of its bytes and of
its value, so that everything later (proof, withdrawal, removal) has something to hold on to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sessionstore.database import standing
from sessionstore.database.connection import Connection, lock_company, transaction
from sessionstore.database.imports import REHEARSED, STAGED, ImportRecord, import_id_for, require
from sessionstore.disk.opening import closing
from sessionstore.errors import BadFile, Refused, printable
from sessionstore.garbage import without_collector
from sessionstore.importing import preconditions
from sessionstore.importing.states import forget_withdrawn
from sessionstore.keys.credentials import Identity, credentials_of
from sessionstore.keys.names import CREDENTIALS, decode
from sessionstore.scan.result import CompanyScan, DirectoryScan
from sessionstore.scan.scan import scan_directory
from sessionstore.scan.session_file import Reading, read_session_file
from sessionstore.scan.table import CREDS, in_reading_order
from sessionstore.tables.layout import Tables
from sessionstore.tables.statements import statement

if TYPE_CHECKING:
    from psycopg.sql import Composed
    from typing_extensions import LiteralString

#: Keys that are read, sent and recorded at a time: this bounds the memory.
BATCH = 2000
#: A batch also ends here, whatever the size of the values.
BATCH_BYTES = 4 * 1024 * 1024

_KEYS = "COPY {keys_table} ({keys_columns}) FROM STDIN"
_FILES = """
COPY whatsapp_import_files (import_id, file_name, key_type, key_id, file_sha256, value_sha256)
FROM STDIN
"""
_CREDENTIALS = """
INSERT INTO {credentials_table} ({credentials_columns})
SELECT {credentials_given} FROM (SELECT %s::text AS company, %s::text AS value) AS given
"""
_RECORD = """
INSERT INTO whatsapp_imports (import_id, company_id, state, rollout_id, host, source,
                              creds_sha256, identity_sha256, key_count, stored_in)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_LOOK = "Look who writes there; run again."
#: Lines for the table of keys, and those for whatsapp_import_files.
_Batch = tuple[list[str], list[str]]


class _RolledBack(Exception):
    """Leaves the transaction of a rehearsal."""


def stage(
    conn: Connection,
    scan: DirectoryScan,
    company_id: str,
    rollout_id: str,
    host: str,
    *,
    import_id: str | None = None,
) -> ImportRecord:
    """Import a company's files, recorded as staged, into a database that has nothing of it."""
    with transaction(conn, "importing", company_id):
        return _import(conn, scan, company_id, rollout_id, host, import_id=import_id)


def rehearse(
    conn: Connection, scan: DirectoryScan, company_id: str, rollout_id: str, host: str
) -> ImportRecord:
    """Do everything that :func:`stage` does, then roll it back: a record that is REHEARSED."""
    records: list[ImportRecord] = []
    with suppress(_RolledBack), transaction(conn, "rehearsing the import", company_id):
        records.append(_import(conn, scan, company_id, rollout_id, host))
        raise _RolledBack
    return replace(records[0], state=REHEARSED)


@without_collector()
def _import(
    conn: Connection,
    scan: DirectoryScan,
    company_id: str,
    rollout_id: str,
    host: str,
    *,
    import_id: str | None = None,
) -> ImportRecord:
    import_id = import_id or import_id_for(rollout_id, host, company_id)
    company = preconditions.fit_company(scan, company_id)
    lock_company(conn, company_id)
    preconditions.refuse_unless_absent(conn, company_id)
    preconditions.refuse_unless_standing(conn, company_id)
    forget_withdrawn(conn, import_id)
    with closing(scan.open_company(company)) as fd:
        creds, identity = _read_credentials(fd, scan, company)
        preconditions.refuse_paired_elsewhere(conn, company_id, identity)
        source = printable(os.path.normpath(f"{scan.label}/{company.directory}"))
        whose = [import_id, company_id, STAGED, rollout_id, host, source]
        what = [creds.value_sha256, identity.digest, company.keys, standing.where(conn)]
        conn.execute(_RECORD, [*whose, *what])
        given = [conn.tables.spelled(company_id), conn.tables.text_of(creds.canonical)]
        conn.execute(statement(conn.tables, _CREDENTIALS), given)
        _copy(conn, _FILES, [f"{import_id}\t{CREDENTIALS}\t\\N\t\\N\t{_digests(creds)}\n"])
        _import_keys(conn, _batches(fd, scan, company, import_id, conn.tables))
        with os.scandir(fd) as entries:
            held_still = company.counts.are_of(entry.name for entry in entries)
        if not held_still:
            raise Refused("files came or went during the import", source, _LOOK)
    return require(conn, import_id)


def _import_keys(conn: Connection, batches: Iterator[_Batch]) -> None:
    """Read the files of a batch while the server takes in the one before it."""
    with ThreadPoolExecutor(max_workers=1) as sender:
        under_way: Future[None] | None = None
        for rows, records in batches:
            if under_way:
                under_way.result()
            under_way = sender.submit(_send, conn, rows, records)
        if under_way:
            under_way.result()


def _batches(
    fd: int, scan: DirectoryScan, company: CompanyScan, import_id: str, tables: Tables
) -> Iterator[_Batch]:
    rows: list[str] = []
    records: list[str] = []
    size = 0
    for name, scanned in _names(fd, scan, company):
        key = decode(name)
        if key is None:
            continue
        key_type, key_id = key
        reading = _read(fd, name, scanned, scan, company)
        rows.append(tables.line_of(str(company.company_id), key, reading.canonical))
        records.append(f"{import_id}\t{name}\t{key_type}\t{key_id}\t{_digests(reading)}\n")
        size += len(rows[-1])
        if len(rows) == BATCH or size >= BATCH_BYTES:
            yield rows, records
            rows, records, size = [], [], 0
    if rows:
        yield rows, records


def _send(conn: Connection, rows: list[str], records: list[str]) -> None:
    _copy(conn, statement(conn.tables, _KEYS), rows)
    _copy(conn, _FILES, records)


def _digests(reading: Reading) -> str:
    return f"{reading.sha256}\t{reading.value_sha256}"


def _copy(conn: Connection, into: LiteralString | Composed, lines: Iterable[str]) -> None:
    with conn.cursor() as cursor, cursor.copy(into) as copy:
        copy.write("".join(lines).encode("ascii"))


def _names(fd: int, scan: DirectoryScan, company: CompanyScan) -> Iterator[tuple[str, str | None]]:
    if scan.contents:
        return ((entry.name, entry.sha256) for entry in company.files)
    # Listed again and not kept: an import of any size takes the same memory.
    return ((name, None) for name in in_reading_order(fd))


def _read(
    fd: int, name: str, scanned: str | None, scan: DirectoryScan, company: CompanyScan
) -> Reading:
    try:
        reading = read_session_file(fd, name, as_text=scan.layout.as_text)
    except BadFile as trouble:
        assert company.company_id
        # A listing read no key: now that one is bad, all are read, so that each bad one is named.
        with scan_directory(scan.fd, label=scan.label, layout=scan.layout) as read:
            preconditions.fit_company(read, company.company_id)
        raise Refused(f"a file can't be imported: {trouble}", name) from None
    if scanned is not None and scanned != reading.sha256:
        raise Refused("a file changed since it was scanned", name, _LOOK)
    return reading


def _read_credentials(
    fd: int, scan: DirectoryScan, company: CompanyScan
) -> tuple[Reading, Identity]:
    entry = company.files.first_of(CREDS)
    reading = _read(fd, CREDENTIALS, entry.sha256 if entry else None, scan, company)
    try:
        return reading, credentials_of(reading.value).identity
    except BadFile as trouble:
        raise Refused(f"the credentials are no good: {trouble}", CREDENTIALS) from None
