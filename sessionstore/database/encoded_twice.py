"""Rows whose values are JSON texts inside ``jsonb``: not what this program, or Baileys, writes."""

from __future__ import annotations

from sessionstore.database.connection import Connection, explained
from sessionstore.keys.names import spellings

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


def why_encoded_twice(conn: Connection, company_id: str) -> str | None:
    """Rows of a company that are encoded twice: which, who makes such, what mends them; None without."""
    with explained("looking at the rows' encoding", company_id):
        row = conn.execute(_FOUND, {"both": list(spellings(company_id)), "form": _FORM}).fetchone()
    if row != (True,):
        return None
    return f"rows of company {company_id} are encoded twice: {_MADE_BY}. {_MENDED_BY}"
