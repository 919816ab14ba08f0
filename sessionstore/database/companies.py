"""What the database holds of a company: whether anything, its credentials, single keys."""

from __future__ import annotations

from dataclasses import dataclass

from sessionstore.database.connection import Connection, explained
from sessionstore.keys.names import Key, spellings


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
    return CompanyState(company_id, *row)  # type: ignore[arg-type]


@dataclass(frozen=True)
class CredentialsRow:
    text: bytes  # the credentials as JSON text
    #: when the row was last written, seconds since 1970; None where the column is empty or has no
    #: time zone
    updated_at: float | None


def read_credentials(conn: Connection, company_id: str) -> CredentialsRow | None:
    with explained("reading the credentials", company_id):
        row = conn.execute(
            "SELECT creds::text, CASE WHEN pg_typeof(updated_at) = 'timestamptz'::regtype"
            " THEN extract(epoch FROM updated_at::timestamptz)::float8 END"
            "  FROM whatsapp_auth WHERE company_id = %s",
            [company_id],
        ).fetchone()
    if row is None:
        return None
    text, updated_at = row
    changed = updated_at if isinstance(updated_at, float) else None
    return CredentialsRow(str(text).encode("utf-8"), changed)


def all_credentials(conn: Connection) -> list[tuple[str, bytes]]:
    """Credentials of every company as JSON text, each with the company id as it stands there."""
    with explained("reading all credentials"):
        rows = conn.execute("SELECT company_id, creds::text FROM whatsapp_auth").fetchall()
    return [(str(company_id), str(text).encode("utf-8")) for company_id, text in rows]


def read_value(conn: Connection, company_id: str, key: Key) -> bytes | None:
    with explained("reading a key", company_id):
        row = conn.execute(
            "SELECT value::text FROM whatsapp_keys"
            " WHERE (company_id, key_type, key_id) = (%s, %s, %s)",
            [company_id, key.key_type, key.key_id],
        ).fetchone()
    return None if row is None else str(row[0]).encode("utf-8")
