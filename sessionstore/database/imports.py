"""The record of an import, as the database has it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sessionstore.database.connection import Connection, explained
from sessionstore.errors import Refused
from sessionstore.keys.names import CREDENTIALS
from sessionstore.scan.table import CREDS, KEY, FileEntry

if TYPE_CHECKING:
    from typing_extensions import LiteralString

STAGED = "staged"
ACTIVE = "active"
WITHDRAWN = "withdrawn"
REHEARSED = "rehearsed"

# 500 files a message, as in rows.py. A recorded name decodes by the grammar, so it holds no
# separator and nothing that COPY escapes.
_FILES = r"""
COPY (
    SELECT string_agg(concat_ws(E'\x1f', file_name, file_sha256, value_sha256), E'\x1e')
      FROM (SELECT *, (row_number() OVER ()) / 500 AS block
              FROM whatsapp_import_files WHERE import_id = %s) AS numbered
     GROUP BY block
) TO STDOUT
"""

_RECORD: LiteralString = """
SELECT import_id::text, company_id, state, rollout_id, host, source, creds_sha256, key_count,
       created_at
  FROM whatsapp_imports WHERE """

_NAMESPACE = uuid.UUID("4f1d6c3a-6f5b-5b53-9d0a-6a8a6c1f8a11")


@dataclass(frozen=True)
class ImportRecord:
    import_id: str
    company_id: str  # the bare id
    state: str  # STAGED, ACTIVE or WITHDRAWN; REHEARSED for one that was rolled back
    rollout_id: str  # the rollout it belongs to
    host: str  # the host whose files were imported
    source: str  # the directory they lay in
    creds_sha256: str  # digest of the credentials' canonical value
    key_count: int  # keys without the credentials
    created_at: datetime  # when it was staged
    by_type: dict[str, int]  # keys for each key type


def import_id_for(rollout_id: str, host: str, company_id: str) -> str:
    """A UUID, always the same for the same import, so that a journal can hold it before it is made."""
    return str(uuid.uuid5(_NAMESPACE, f"{rollout_id}\n{host}\n{company_id}"))


def find(conn: Connection, import_id: str) -> ImportRecord | None:
    return _one(conn, "import_id = %s", import_id)


def find_for_company(conn: Connection, company_id: str) -> ImportRecord | None:
    """The record, staged or active, of the import by which a company came in; there is one at most."""
    return _one(conn, "company_id = %s AND state <> 'withdrawn'", company_id)


def _one(conn: Connection, which: LiteralString, value: str) -> ImportRecord | None:
    with explained("reading the import record", value):
        row = conn.execute(_RECORD + which, [value]).fetchone()
        if row is None:
            return None
        by_type = conn.execute(
            "SELECT key_type, count(*) FROM whatsapp_import_files"
            " WHERE import_id = %s AND key_type IS NOT NULL GROUP BY key_type ORDER BY key_type",
            [row[0]],
        ).fetchall()
    return ImportRecord(*(*row, dict(by_type)))


def imported_files(conn: Connection, import_id: str, file_names: Collection[str]) -> dict[str, str]:
    """SHA-256 of the bytes that were imported from some files, for those that the record has."""
    with explained("reading the import record", import_id):
        rows = conn.execute(
            "SELECT file_name, file_sha256 FROM whatsapp_import_files"
            " WHERE import_id = %s AND file_name = ANY(%s)",
            [import_id, list(file_names)],
        ).fetchall()
    return dict(rows)


def require(conn: Connection, import_id: str) -> ImportRecord:
    record = find(conn, import_id)
    if record is None:
        raise Refused("the database has no record of this import", import_id)
    return record


def recorded_files(conn: Connection, import_id: str) -> Iterator[FileEntry]:
    """What an import recorded of each file, creds.json included, in no order; no size and no time."""
    with (
        explained("reading the import record", import_id),
        conn.cursor() as cursor,
        cursor.copy(_FILES, [import_id]) as blocks,
    ):
        for block in blocks:
            for record in bytes(block).decode("utf-8").rstrip("\n").split("\x1e"):
                name, file_sha256, value_sha256 = record.split("\x1f")
                kind = CREDS if name == CREDENTIALS else KEY
                yield FileEntry(name, kind, 0, 0, file_sha256, value_sha256)
