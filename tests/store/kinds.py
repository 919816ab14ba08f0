"""Services' layouts as a plan has them, and what makes their tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.profiles.service_repository import SOURCES
from tests.store.service_tables import ORIGINAL

from .session_files import COMPANY

FILE_ROWS = (
    SOURCES.parent / "services" / "file-name-rows" / "new" / "sql" / "session.sql"
).read_text()


@dataclass(frozen=True)
class Kind:
    """A service's layout, as a plan has it, and what makes its tables."""

    tables: dict[str, Any]
    made: str
    named: str = "company_{company}"


def in_one_table(table: str, company: str, key: str, **more: Any) -> dict[str, Any]:
    """Credentials as a row among the keys, which one column names."""
    where = {"table": table, "company": company, "value": "data", "type": "text"}
    return {
        "keys": {**where, "key": [key], **more},
        "credentials": {**where, "row": {key: "creds"}},
    }


KINDS = {
    "file-name rows": Kind(
        in_one_table("Session", "sessionId", "id", spelling="file-name"), FILE_ROWS, "md_{company}"
    ),
    "ai-admin": Kind({"company": "company_{company}", "buffers": ["array", "base64"]}, ORIGINAL),
    "an array only, joined, in a schema": Kind(
        {
            "schema": "wa",
            "buffers": ["array"],
            **in_one_table("auth", "session", "key", spelling="joined"),
        },
        "CREATE SCHEMA wa; CREATE TABLE wa.auth (session text, key text, data text NOT NULL,"
        " PRIMARY KEY (session, key))",
        "auth_{company}",
    ),
    "without a company": Kind(
        {
            "only": COMPANY,
            "keys": {
                "table": "signal",
                "company": None,
                "key": ["type", "id"],
                "value": "data",
                "type": "json",
            },
            "credentials": {
                "table": "creds",
                "company": None,
                "value": "data",
                "type": "json",
                "row": {"id": "me"},
            },
        },
        "CREATE TABLE signal (type text, id text, data json NOT NULL, PRIMARY KEY (type, id));"
        "CREATE TABLE creds (id text PRIMARY KEY, data json NOT NULL)",
        "{company}",
    ),
}
