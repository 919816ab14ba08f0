"""What the database holds of a company: whether anything, its credentials, its keys, and their encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sessionstore.database.connection import Connection, explained
from sessionstore.errors import BadFile
from sessionstore.keys.credentials import Credentials, credentials_of
from sessionstore.keys.names import Key
from sessionstore.keys.values import parse
from sessionstore.tables.layout import Tables
from sessionstore.tables.statements import quoted, statement

# 500 rows a message: one message a row costs three times as much in the client. JSON text
# never holds the two separators; a text that does is made visibly wrong, not silently right.
_KEYS = r"""
COPY (
    SELECT string_agg(concat_ws(E'\x1f', spelled, text,
                                CASE WHEN pg_typeof(updated_at) = 'timestamptz'::regtype
                                     THEN coalesce(date_part('epoch', updated_at::timestamptz)
                                                   ::text, '') ELSE '' END), E'\x1e')
      FROM (SELECT *, (row_number() OVER ()) / 500 AS block
              FROM {keys} WHERE company_id = %s) AS numbered
     GROUP BY block
) TO STDOUT
"""
# As jsonb writes it out: a text that begins like an object, an array or a text. A lid-mapping is
# a text by right, of digits only.
_FOUND = r"""
SELECT EXISTS (SELECT FROM {credentials}
                WHERE company_id = ANY(%(both)s) AND creds::text ~ %(form)s)
    OR EXISTS (SELECT FROM {keys}
                WHERE company_id = ANY(%(both)s) AND value::text ~ %(form)s),
       EXISTS (SELECT FROM {credentials} WHERE company_id = ANY(%(both)s)
                  AND creds::text ~ '"creds": ?[{{"]' AND creds::text ~ '"keys": ?[{{"]'),
       EXISTS (SELECT FROM {credentials} WHERE company_id = ANY(%(both)s))
   AND NOT EXISTS (SELECT FROM {keys} WHERE company_id = ANY(%(both)s))
"""
_FORM = r'^"(\{|\[|\\")'
_MADE_BY = (
    "each value is a JSON text inside jsonb, as a writer leaves it that gives JSON.stringify's text"
    " to a client that encodes it once more (postgres.js, Prisma, Sequelize)"
)
_WHOLE = (
    "a row is a whole session, so no single key can be compared or moved there. First let the service"
    " keep each key in a row of its own"
)
_HALF = (
    "they are elsewhere (in Redis, in files) and the service has moved half-way, or something deleted"
    " them. Nothing can be proven of them here: let the service finish its move, or take it back, first"
)
_UPDATE = "UPDATE"
_OBJECTS = " AND {0} #>> '{{}}' ~ '^[[{{\"]'"


_STATE = """
SELECT EXISTS (SELECT FROM {credentials} WHERE company_id = ANY(%(both)s)),
       (SELECT count(*) FROM {keys} WHERE company_id = ANY(%(both)s)),
       (SELECT min(import_id::text) FROM whatsapp_imports
         WHERE company_id = %(id)s AND state = 'staged'),
       (SELECT min(import_id::text) FROM whatsapp_imports
         WHERE company_id = %(id)s AND state = 'active'),
       (SELECT min(host) FROM whatsapp_imports
         WHERE company_id = %(id)s AND state = 'active')
"""
_CREDENTIALS = """
SELECT creds::text, CASE WHEN pg_typeof(updated_at) = 'timestamptz'::regtype
                         THEN extract(epoch FROM updated_at::timestamptz)::float8 END
  FROM {credentials} WHERE company_id = %s
"""
_VALUE = "SELECT {keys_value}::text FROM {keys_table} WHERE {keys_of} AND {key_is}"


@dataclass(frozen=True)
class CompanyState:
    company_id: str  # the bare id
    credentials: bool  # whether the database has them, in any spelling of the id
    keys: int  # rows, all spellings together
    staged_import: str | None  # the id of an import that waits to become active, or None
    active_import: str | None  # the id of the import that became active, or None
    imported_on: str | None  # the host whose files that import brought, or None

    @property
    def empty(self) -> bool:
        return not (self.credentials or self.keys or self.staged_import or self.active_import)


def company_state(conn: Connection, company_id: str) -> CompanyState:
    both = list(conn.tables.spellings(company_id))
    with explained("looking for the company", company_id):
        row = conn.execute(
            statement(conn.tables, _STATE), {"both": both, "id": company_id}
        ).fetchone()
    assert row is not None
    return CompanyState(company_id, *row)


class StoredValue(NamedTuple):
    """One row of a key, or the credentials."""

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
        spelled = conn.tables.spelled(company_id)
        row = conn.execute(statement(conn.tables, _CREDENTIALS), [spelled]).fetchone()
    return None if row is None else StoredValue(row[0].encode("utf-8"), row[1])


def all_credentials(conn: Connection) -> list[tuple[str, bytes]]:
    """Credentials of every company as JSON text, by bare id, or by another spelling that stands there."""
    ask = statement(conn.tables, "SELECT company_id, creds::text FROM {credentials}")
    with explained("reading all credentials"):
        rows = conn.execute(ask).fetchall()
    return [(conn.tables.bare(company_id), text.encode("utf-8")) for company_id, text in rows]


def read_value(conn: Connection, company_id: str, key: Key) -> bytes | None:
    with explained("reading a key", company_id):
        which = [conn.tables.spelled(company_id), *conn.tables.row_of(key)]
        row = conn.execute(statement(conn.tables, _VALUE), which).fetchone()
    return None if row is None else row[0].encode("utf-8")


def read_rows(conn: Connection, company_id: str) -> Iterator[tuple[Key, StoredValue]]:
    """Read every key of a company, as its row names it, in one statement, in no particular order."""
    with (
        explained("reading keys", company_id),
        conn.cursor() as cursor,
        cursor.copy(statement(conn.tables, _KEYS), [conn.tables.spelled(company_id)]) as blocks,
    ):
        for block in blocks:
            yield from _unpack(bytes(block), conn.tables)


# What COPY writes for characters that would end a line or a column, and for the backslash.
_escaped = re.compile(rb"\\(.)").sub
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def _plain(found: re.Match[bytes]) -> bytes:
    return _ESCAPES.get(found[1], found[1])


def _unpack(block: bytes, tables: Tables) -> Iterator[tuple[Key, StoredValue]]:
    block = block.rstrip(b"\n")
    if b"\\" in block:
        block = _escaped(_plain, block)
    for record in block.split(b"\x1e"):
        *row, text, updated_at = record.split(b"\x1f")
        key = tables.key_of(*[column.decode("utf-8") for column in row])
        yield key, StoredValue(text, float(updated_at) if updated_at else None)


def why_unlike_rows(conn: Connection, company_id: str) -> str | None:
    """Why a company's rows are no keys of a layout that is known here, and what mends that; None if they are.

    Encoded twice, a whole session in one value, or credentials whose keys are elsewhere.
    """
    with explained("looking at the rows' encoding", company_id):
        given = {"both": list(conn.tables.spellings(company_id)), "form": _FORM}
        row = conn.execute(statement(conn.tables, _FOUND), given).fetchone()
    assert row is not None
    twice, whole, alone = row
    if twice:
        return (
            f"rows of company {company_id} are encoded twice: {_MADE_BY}. {_mended_by(conn.tables)}"
        )
    if whole:
        return f"the credentials of company {company_id} hold its keys as well: {_WHOLE}"
    return (
        f"the database has the credentials of company {company_id} and none of its keys: {_HALF}"
        if alone
        else None
    )


def _mended_by(tables: Tables) -> str:
    """The statements that take one encoding away, as columns of these types take them."""
    told = []
    for part, more in ((tables.credentials, ""), (tables.keys, _OBJECTS)):
        it = part.value if part.type == "jsonb" else f"{part.value}::jsonb"
        table = part.table if part.table.islower() else quoted(part.table)
        becomes = f"{part.value} = ({it} #>> '{{}}')::{part.type}"
        where = f"jsonb_typeof({it}) = 'string'{more.format(it)}"
        told.append(f"{_UPDATE} {table} SET {becomes} WHERE {where}")
    update = "; ".join(told[tables.one_table :])
    return (
        f"With the service stopped and a backup at hand: {update}; then start a version that writes"
        " values, not texts"
    )
