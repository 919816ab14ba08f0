"""What the database holds of a company: whether anything, its credentials, its keys, and their encoding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sessionstore.database.connection import Connection, explained
from sessionstore.errors import BadFile
from sessionstore.keys.credentials import Credentials, credentials_of
from sessionstore.keys.names import Key, spellings
from sessionstore.keys.values import parse

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
# As jsonb writes it out: a text that begins like an object, an array or a text. A lid-mapping is
# a text by right, of digits only.
_FOUND = r"""
SELECT EXISTS (SELECT FROM whatsapp_auth
                WHERE company_id = ANY(%(both)s) AND creds::text ~ %(form)s)
    OR EXISTS (SELECT FROM whatsapp_keys
                WHERE company_id = ANY(%(both)s) AND value::text ~ %(form)s)
"""
_FORM = r'^"(\{|\[|\\")'
_MADE_BY = (
    "each value is a JSON text inside jsonb, as a writer leaves it that gives JSON.stringify's text"
    " to a client that encodes it once more (postgres.js, Prisma, Sequelize)"
)
_MENDED_BY = (
    "With the service stopped and a backup at hand: UPDATE whatsapp_auth SET creds = (creds #>>"
    " '{}')::jsonb WHERE jsonb_typeof(creds) = 'string'; UPDATE whatsapp_keys SET value = (value #>>"
    " '{}')::jsonb WHERE jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^[[{\"]'; then start a"
    " version that writes values, not texts"
)


@dataclass(frozen=True)
class CompanyState:
    company_id: str  # the bare id
    credentials: bool  # whether whatsapp_auth has it, in either spelling of the id
    keys: int  # rows in whatsapp_keys, both spellings together
    staged_import: str | None  # the id of an import that waits to become active, or None
    active_import: str | None  # the id of the import that became active, or None
    imported_on: str | None  # the host whose files that import brought, or None

    @property
    def empty(self) -> bool:
        return not (self.credentials or self.keys or self.staged_import or self.active_import)


def company_state(conn: Connection, company_id: str) -> CompanyState:
    both = list(spellings(company_id))
    with explained("looking for the company", company_id):
        row = conn.execute(
            """
            SELECT EXISTS (SELECT FROM whatsapp_auth WHERE company_id = ANY(%(both)s)),
                   (SELECT count(*) FROM whatsapp_keys WHERE company_id = ANY(%(both)s)),
                   (SELECT min(import_id::text) FROM whatsapp_imports
                     WHERE company_id = %(id)s AND state = 'staged'),
                   (SELECT min(import_id::text) FROM whatsapp_imports
                     WHERE company_id = %(id)s AND state = 'active'),
                   (SELECT min(host) FROM whatsapp_imports
                     WHERE company_id = %(id)s AND state = 'active')
            """,
            {"both": both, "id": company_id},
        ).fetchone()
    assert row is not None
    return CompanyState(company_id, *row)


class StoredValue(NamedTuple):
    """One row of whatsapp_keys, or the credentials of whatsapp_auth."""

    text: bytes  # JSON
    #: seconds since 1970; None where the column is empty or has no time zone, as a table that the
    #: service's own migration made may have it
    updated_at: float | None


def readable(text: bytes) -> Credentials | None:
    try:
        return credentials_of(parse(text))
    except BadFile:
        return None


def read_credentials(conn: Connection, company_id: str) -> StoredValue | None:
    with explained("reading the credentials", company_id):
        row = conn.execute(
            "SELECT creds::text, CASE WHEN pg_typeof(updated_at) = 'timestamptz'::regtype"
            " THEN extract(epoch FROM updated_at::timestamptz)::float8 END"
            "  FROM whatsapp_auth WHERE company_id = %s",
            [company_id],
        ).fetchone()
    return None if row is None else StoredValue(row[0].encode("utf-8"), row[1])


def all_credentials(conn: Connection) -> list[tuple[str, bytes]]:
    """Credentials of every company as JSON text, each with the company id as it stands there."""
    with explained("reading all credentials"):
        rows = conn.execute("SELECT company_id, creds::text FROM whatsapp_auth").fetchall()
    return [(company_id, text.encode("utf-8")) for company_id, text in rows]


def read_value(conn: Connection, company_id: str, key: Key) -> bytes | None:
    with explained("reading a key", company_id):
        row = conn.execute(
            "SELECT value::text FROM whatsapp_keys"
            " WHERE (company_id, key_type, key_id) = (%s, %s, %s)",
            [company_id, key.key_type, key.key_id],
        ).fetchone()
    return None if row is None else row[0].encode("utf-8")


def read_rows(conn: Connection, company_id: str) -> Iterator[tuple[Key, StoredValue]]:
    """Read every key of a company, as it stands in its row, in one statement, in no particular order."""
    with (
        explained("reading keys", company_id),
        conn.cursor() as cursor,
        cursor.copy(_KEYS, [company_id]) as blocks,
    ):
        for block in blocks:
            yield from _unpack(bytes(block))


def _unpack(block: bytes) -> Iterator[tuple[Key, StoredValue]]:
    if b"\\" in block:
        # COPY doubles every backslash; JSON text holds no other character it escapes.
        block = block.replace(b"\\\\", b"\\")
    for record in block.rstrip(b"\n").split(b"\x1e"):
        key_type, key_id, text, updated_at = record.split(b"\x1f")
        key = Key(key_type.decode("utf-8"), key_id.decode("utf-8"))
        yield key, StoredValue(text, float(updated_at) if updated_at else None)


def why_encoded_twice(conn: Connection, company_id: str) -> str | None:
    """Rows of a company that are encoded twice: which, who makes such, what mends them; None without."""
    with explained("looking at the rows' encoding", company_id):
        row = conn.execute(_FOUND, {"both": list(spellings(company_id)), "form": _FORM}).fetchone()
    if row != (True,):
        return None
    return f"rows of company {company_id} are encoded twice: {_MADE_BY}. {_MENDED_BY}"
