"""The SQL that makes the roles and the database; pure text building."""

from __future__ import annotations


def literal(text: str) -> str:
    """A text as an SQL literal (pyinfra's ``postgres.role`` breaks on ``'``, DOMAIN.md section 5)."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def role_sql(name: str, password: str) -> str:
    """A login role with this password, made or brought up to date."""
    return (
        f"DO $do$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(name)})"
        f" THEN CREATE ROLE {identifier(name)} LOGIN; END IF; END $do$;\n"
        f"ALTER ROLE {identifier(name)} WITH LOGIN PASSWORD {literal(password)};\n"
    )


def database_sql(database: str, owner: str) -> str:
    """The database, unless it is there. ``CREATE DATABASE`` can't stand in a ``DO`` block."""
    return (
        f"SELECT 'CREATE DATABASE {identifier(database)} OWNER {identifier(owner)}'"
        f" WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal(database)}) \\gexec\n"
    )


def privileges_sql(owner: str, app: str) -> str:
    """What the service may do with what the owner makes: rows, and no more than rows."""
    default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(owner)} IN SCHEMA public GRANT"
    return (
        f"GRANT ALL ON SCHEMA public TO {identifier(owner)};\n"
        f"GRANT USAGE ON SCHEMA public TO {identifier(app)};\n"
        f"{default} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {identifier(app)};\n"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {identifier(app)};\n"
    )
