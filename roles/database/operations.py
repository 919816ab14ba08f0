"""Roles, database and configuration of a PostgreSQL that a host carries itself."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from roles.database.facts import (
    ConfigurationInForce,
    FileLines,
    PasswordsAccepted,
    PostgresqlObjects,
)
from roles.database.hba import strange_lines
from roles.database.sql import database_sql, privileges_sql, role_sql
from roles.hostprogram.plan import text_of
from roles.shared.files import FileDigests, as_declared, replacing
from roles.shared.shell import SecretLines, failing, script

PSQL = "psql -XAtq -v ON_ERROR_STOP=1"

# A reload is told by its time; a file that does not parse would be kept out without a word.
LOAD = """
cd /; unit=$1
ask() { runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }
systemctl -q is-active "$unit" || exec systemctl restart "$unit"
before=$(ask "SELECT pg_conf_load_time()") || exec systemctl restart "$unit"
systemctl reload "$unit" || exit 1
for _ in $(seq 100); do
  [ "$(ask "SELECT pg_conf_load_time()")" = "$before" ] || break; sleep 0.1
done
wrong=$(ask "SELECT string_agg(error, '; ') FROM (SELECT error FROM pg_file_settings
  UNION ALL SELECT error FROM pg_hba_file_rules) AS files WHERE error IS NOT NULL
  AND error <> 'setting could not be applied'")
[ -z "$wrong" ] || { echo "PostgreSQL does not take its configuration: $wrong" >&2; exit 1; }
pending=$(ask "SELECT string_agg(name, ', ') FROM pg_settings WHERE pending_restart")
[ -z "$pending" ] || { echo "restart for: $pending"; systemctl restart "$unit"; }
"""


@operation()
def database_present(ca_file: str) -> Iterator[StringCommand]:
    """Have the declared roles with their passwords, the database, and the service's privileges in it."""
    data = host.data
    database, owner, app = data.database_name, data.database_owner_user, data.database_app_user
    passwords = {
        owner: text_of(data.database_owner_password),
        app: text_of(data.database_app_password),
    }
    found = host.get_fact(
        PostgresqlObjects, database=database, owner=owner, app=app, _sudo_user="postgres"
    )
    accepted = host.get_fact(
        PasswordsAccepted,
        database=database,
        address=data.database_host,
        ca_file=ca_file,
        _stdin=SecretLines([line for pair in passwords.items() for line in pair]),
    )
    there = database in found.get("database", []) and "grants" in found
    if accepted and there and "held" not in found:
        host.noop("roles, database and privileges are as declared")
        return
    roles = "".join(role_sql(role, password) for role, password in passwords.items())
    yield _psql("postgres", roles + database_sql(database, owner))
    yield _psql(database, privileges_sql(database, owner, app))


def _psql(database: str, sql: str) -> StringCommand:
    return StringCommand(
        f"cd / && {PSQL} -d",
        QuoteString(database),
        _sudo_user="postgres",
        _stdin=SecretLines([sql]),
    )


@operation()
def who_may_connect(path: str, content: str) -> Iterator[StringCommand]:
    """Have pg_hba.conf as declared, unless that would shut somebody out whom nobody declared."""
    owner, mode = "postgres:postgres", "640"
    if as_declared(host.get_fact(FileDigests, paths=[path]).get(path), content, owner, mode):
        host.noop(f"{path} is as declared")
        return
    strange = strange_lines(host.get_fact(FileLines, path=path), content.splitlines())
    if strange:
        lines = "; ".join(" ".join(line.split()) for line in strange)
        remedy = "add what is to stay to database_hba_lines, and take the rest out of the file"
        yield failing(f"{path} on {host.name} lets in whom nobody declared: {lines} → {remedy}")
        return
    yield replacing(path, content, owner, mode)


@operation()
def configuration_in_force(version: int) -> Iterator[StringCommand]:
    """Load the cluster's files if they are newer than what it runs with.

    It is restarted, and every connection cut, only where PostgreSQL says that a change needs that.
    """
    if host.get_fact(ConfigurationInForce, version=version):
        host.noop("PostgreSQL runs with its configuration")
        return
    yield script(LOAD, f"postgresql@{version}-main")
