"""Whose files a directory holds, as far as the database can tell."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sessionstore.database.companies import all_credentials, read_credentials
from sessionstore.database.connection import Connection, explained
from sessionstore.errors import BadFile
from sessionstore.keys.credentials import Credentials, Identity, credentials_of
from sessionstore.keys.values import parse
from sessionstore.scan.result import CompanyScan


class KnownCompanies:
    """The companies that the database knows; a host's only one has what lies in the directory itself."""

    def __init__(self, conn: Connection, company_ids: Collection[str]) -> None:
        self.conn = conn
        self._only = next(iter(company_ids)) if len(company_ids) == 1 else None
        self._by_identity: dict[Identity, str] | None = None

    def company_for(self, company: CompanyScan) -> str | None:
        if company.company_id is not None:
            return company.company_id
        if company.credentials is not None:
            found = self._identities().get(company.credentials.identity)
            if found is not None:
                return found
        return self._only if company.directory == "." else None

    def _identities(self) -> dict[Identity, str]:
        if self._by_identity is None:
            self._by_identity = {}
            for company_id, text in all_credentials(self.conn):
                credentials = readable(text)
                if credentials is not None:
                    self._by_identity[credentials.identity] = company_id
        return self._by_identity


def readable(text: bytes) -> Credentials | None:
    try:
        return credentials_of(parse(text))
    except BadFile:
        return None


class Census(NamedTuple):
    """Which rows there are of companies, in one snapshot: a later one tells whether any went."""

    #: whose credentials each company's are; None where it has none that can be read
    identities: dict[str, Identity | None]
    #: by company and key type, a number for each row: of its id and, where a key of that type never
    #: changes, its value
    rows: dict[tuple[str, str], frozenset[int]]


def census(conn: Connection, company_ids: Collection[str]) -> Census:
    with explained("counting rows", ", ".join(company_ids)):
        found = conn.execute(_ROWS, [list(company_ids)]).fetchall()
    rows = {one: read_credentials(conn, one) for one in company_ids}
    credentials = {one: readable(row.text) if row else None for one, row in rows.items()}
    return Census(
        {one: found.identity if found else None for one, found in credentials.items()},
        {(str(c), str(t)): frozenset(numbers) for c, t, numbers in found},  # type: ignore[call-overload]
    )


_ROWS = """
SELECT company_id, key_type, array_agg(hashtextextended(concat_ws(E'\x1f', key_id,
           CASE WHEN key_type IN ('pre-key', 'app-state-sync-key') THEN value::text END)
           COLLATE "C", 0))
  FROM whatsapp_keys WHERE company_id = ANY(%s) GROUP BY 1, 2
"""
