"""Which imported pairings the database still has.

A company that was logged out and paired anew keeps its id and the record of its import; its
credentials are then another pairing's, and what was imported is in the database no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sessionstore.errors import BadFile
from sessionstore.keys.credentials import credentials_of
from sessionstore.keys.names import CREDENTIALS
from sessionstore.keys.values import parse

if TYPE_CHECKING:
    from sessionstore.database.connection import Connection

#: A bare company id and the SHA-256 of a creds.json.
Pairing = tuple[str, str]

_IMPORTED = """
SELECT company_id, file_sha256, identity_sha256, creds::text
  FROM whatsapp_imports JOIN whatsapp_import_files USING (import_id)
  LEFT JOIN whatsapp_auth USING (company_id)
 WHERE state = 'active' AND file_name = %s
"""


def imported(conn: Connection) -> dict[Pairing, str | None]:
    """The pairing of each active import: None where the company's credentials are of it now, else why not."""
    # The driver comes with it, and listing archives does without.
    from sessionstore.database.connection import explained

    with explained("reading the import records"):
        rows = conn.execute(_IMPORTED, [CREDENTIALS]).fetchall()
    return {
        (str(company_id), str(file_sha256)): why_not_there(
            str(company_id),
            None if identity is None else str(identity),
            None if creds is None else str(creds).encode("utf-8"),
        )
        for company_id, file_sha256, identity, creds in rows
    }


def why_not_there(company_id: str, recorded: str | None, creds: bytes | None) -> str | None:
    """Tell why the database can't be taken to have the pairing of an import; ``creds`` as JSON text."""
    if creds is None:
        return f"the database has no credentials of company {company_id} any more"
    if recorded is None:
        return f"the import record of company {company_id} does not say which pairing it was"
    try:
        now = credentials_of(parse(creds)).identity.digest
    except BadFile as trouble:
        return f"the database's credentials of company {company_id} are no good: {trouble}"
    if now != recorded:
        return f"company {company_id} was paired anew since its import"
    return None


def held(pairings: Mapping[Pairing, str | None]) -> set[Pairing]:
    return {pairing for pairing, why_not in pairings.items() if why_not is None}
