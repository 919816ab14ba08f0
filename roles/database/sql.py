"""The SQL that makes the roles and the database; pure text building."""


def literal(text: str) -> str:
    """A text as an SQL literal (pyinfra's ``postgres.role`` breaks on ``'``, docs/facts.md section 5)."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
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


TABLES = ("whatsapp_auth", "whatsapp_keys")
"""The tables that the service's own migration made where it ran before any rollout."""


def held_sql(database: str, app: str) -> str:
    """Lists what the service's role owns and the owner should: the database, or our tables."""
    names = ", ".join(map(literal, TABLES))
    return (
        f"SELECT 'DATABASE ' || quote_ident(datname) AS held FROM pg_database"
        f" WHERE datname = {literal(database)} AND pg_get_userbyid(datdba) = {literal(app)}"
        " UNION ALL SELECT 'TABLE ' || oid::regclass FROM pg_class"
        f" WHERE oid IN (SELECT to_regclass(name) FROM unnest(ARRAY[{names}]) AS name)"
        f" AND pg_get_userbyid(relowner) = {literal(app)}"
    )


def handover_sql(database: str, owner: str, app: str) -> str:
    """Give the owner what the service's role owns from a time when there was only that role.

    It waits for no lock for long: whoever asks next would wait behind it, the service first.
    """
    return (
        "SET LOCAL lock_timeout = '5s';\n"
        f"DO $do$ DECLARE held text; BEGIN FOR held IN {held_sql(database, app)} LOOP"
        f" EXECUTE 'ALTER ' || held || {literal(f' OWNER TO {identifier(owner)}')};"
        " END LOOP; END $do$;\n"
    )


def privileges_sql(database: str, owner: str, app: str) -> str:
    """What the service may do with what the owner makes: rows, and no more than rows.

    In one transaction: a service that runs meanwhile must not lose its rows for an instant.
    """
    default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(owner)} IN SCHEMA public GRANT"
    return (
        "BEGIN;\n"
        + handover_sql(database, owner, app)
        + f"GRANT ALL ON SCHEMA public TO {identifier(owner)};\n"
        f"GRANT USAGE ON SCHEMA public TO {identifier(app)};\n"
        f"{default} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {identifier(app)};\n"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {identifier(app)};\n"
        "COMMIT;\n"
    )
