"""Rows as the service writes them."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from sessionstore.database.connection import Connection
from sessionstore.keys.names import Key

from .session_files import (
    COMPANY,
    credentials,
)


def put(conn: Connection, key: Key, value: Any) -> None:
    """Write a row as the service does."""
    conn.execute(
        "INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (company_id, key_type, key_id) DO UPDATE SET value = excluded.value",
        [COMPANY, key.key_type, key.key_id, Jsonb(value)],
    )


def drop(conn: Connection, key: Key) -> None:
    """Delete a row as the service does."""
    conn.execute(
        "DELETE FROM whatsapp_keys WHERE key_type = %s AND key_id = %s", [key.key_type, key.key_id]
    )


def clocks(conn: Connection, **changes: Any) -> None:
    """Write credentials as the service does."""
    conn.execute("UPDATE whatsapp_auth SET creds = %s", [Jsonb(credentials(**changes))])
