"""Roles, database and configuration of a PostgreSQL that a host carries itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from roles.database.facts import ConfigurationInForce, PasswordsAccepted, PostgresqlObjects
from roles.database.sql import database_sql, privileges_sql, role_sql
from roles.shared.secret_lines import SecretLines

PSQL = "psql -XAtq -v ON_ERROR_STOP=1"


@operation()
def database_present(
    database: str, owner: str, app: str, passwords: Mapping[str, str], ca_file: str
) -> Iterator[StringCommand]:
    """Have the roles with these passwords, the database, and the service's privileges in it.

    Args:
        database: its name.
        owner: role that owns it.
        app: role of the service.
        passwords: role name → password; they travel on standard input.
        ca_file: certificate authority on the host, to try the passwords over TLS.
    """
    found = host.get_fact(
        PostgresqlObjects, database=database, owner=owner, app=app, _sudo_user="postgres"
    )
    lines = [line for role, password in passwords.items() for line in (role, password)]
    accepted = host.get_fact(
        PasswordsAccepted,
        database=database,
        address=host.data.database_host,
        ca_file=ca_file,
        _stdin=SecretLines(lines),
    )
    if accepted and database in found["databases"] and found["grants"] and not found["held"]:
        host.noop("roles, database and privileges are as declared")
        return
    roles = "".join(role_sql(role, password) for role, password in passwords.items())
    yield _psql("postgres", roles + database_sql(database, owner))
    yield _psql(database, privileges_sql(database, owner, app))


def _psql(database: str, sql: str) -> StringCommand:
    """Run SQL from standard input as ``postgres``."""
    return StringCommand(
        f"cd / && {PSQL} -d",
        QuoteString(database),
        _sudo_user="postgres",
        _stdin=SecretLines([sql]),
    )


@operation()
def configuration_in_force(version: int) -> Iterator[StringCommand]:
    """Restart the cluster if its files are newer than its start, or it is not running.

    Args:
        version: PostgreSQL's major version.
    """
    if host.get_fact(ConfigurationInForce, version=version):
        host.noop("PostgreSQL runs with its configuration")
        return
    # The clock of a file's time has whole seconds here: let the start be later than the change.
    yield StringCommand(f"sleep 1 && systemctl restart postgresql@{version}-main")
