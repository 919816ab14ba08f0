"""Reading a company's keys back from the database, fast and in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sessionstore.database.connection import Connection, explained
from sessionstore.keys.names import Key

_RECORD = b"\x1e"
_FIELD = b"\x1f"
# 500 rows a message: one message a row costs three times as much in the client. JSON text
# never holds the two separators; an id that does is made visibly wrong, not silently right.
_KEYS = r"""
COPY (
    SELECT string_agg(concat_ws(E'\x1f', translate(key_type, E'\x1e\x1f', '??'),
                                translate(key_id, E'\x1e\x1f', '??'), value::text,
                                CASE WHEN pg_typeof(updated_at) = 'timestamptz'::regtype
                                     THEN coalesce(date_part('epoch', updated_at::timestamptz)
                                                   ::text, '') ELSE '' END), E'\x1e')
      FROM (SELECT *, (row_number() OVER ()) / 500 AS block
              FROM whatsapp_keys WHERE company_id = %s) AS numbered
     GROUP BY block
) TO STDOUT
"""


class KeyRow(NamedTuple):
    key: Key  # type and id as they stand in the row, whatever they are
    text: bytes  # the value as JSON text
    #: seconds since 1970; None where the column is empty or has no time zone, as a table that the
    #: service's own migration made may have it
    updated_at: float | None


def read_rows(conn: Connection, company_id: str) -> Iterator[KeyRow]:
    """Read every key of a company in one statement, in no particular order."""
    with (
        explained("reading keys", company_id),
        conn.cursor() as cursor,
        cursor.copy(_KEYS, [company_id]) as blocks,
    ):
        for block in blocks:
            yield from _unpack(bytes(block))


def _unpack(block: bytes) -> Iterator[KeyRow]:
    if b"\\" in block:
        # COPY doubles every backslash; JSON text holds no other character it escapes.
        block = block.replace(b"\\\\", b"\\")
    for record in block.rstrip(b"\n").split(_RECORD):
        key_type, key_id, text, updated_at = record.split(_FIELD)
        key = Key(key_type.decode("utf-8"), key_id.decode("utf-8"))
        changed = float(updated_at) if updated_at else None
        yield KeyRow(key, text, changed)
