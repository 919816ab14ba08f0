"""What the service's role may do in the schema: rows, and no more than rows."""

from __future__ import annotations

import psycopg
from psycopg import sql

from sessionstore.database.connection import Connection, message_of
from sessionstore.errors import MigrationProblem

_TABLES_OF_THE_SERVICE = (
    "whatsapp_auth",
    "whatsapp_keys",
    "whatsapp_imports",
    "whatsapp_import_files",
    "whatsapp_stats",
)


def grant_rows(conn: Connection, role: str) -> None:
    """Let the service's role use rows, change no table, and read which migrations there are."""
    name = sql.Identifier(role)
    try:
        with conn.transaction():
            for table in _TABLES_OF_THE_SERVICE:
                grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}"
                conn.execute(sql.SQL(grant).format(sql.Identifier(table), name))
            conn.execute(sql.SQL("GRANT SELECT ON rollout_migrations TO {}").format(name))
    except psycopg.Error as error:
        raise MigrationProblem(
            f"the service's role can't be given its rights: {message_of(error)}",
            role,
            f"CREATE ROLE {role} LOGIN, or let the owner of the tables grant them",
        ) from None
