"""A PostgreSQL as somebody set it up by hand before any rollout: one role, which owns everything."""

from __future__ import annotations

from dataclasses import dataclass

from lab.checkout import identity
from lab.machine.remote import Host

DATABASE = "whatsapp"
USER = "whatsapp_app"
AUTHORITY = "/etc/ssl/whatsapp-database-ca.crt"
_CLUSTER = "/etc/postgresql/17/main"
_CONFIGURE = f"""
cd /
pg_conftool 17 main set listen_addresses '*'
pg_conftool 17 main set ssl_cert_file {_CLUSTER}/by-hand.crt
pg_conftool 17 main set ssl_key_file {_CLUSTER}/by-hand.key
chown postgres: {_CLUSTER}/by-hand.*
echo 'hostssl {{name}} {{user}} {{network}} scram-sha-256' >> {_CLUSTER}/pg_hba.conf
systemctl restart postgresql@17-main
"""


@dataclass(frozen=True)
class Access:
    """How the service gets in: lines for its `.env`, the password among them."""

    lines: str
    authority: str


def prepare(database: Host, name: str = DATABASE, user: str = USER) -> Access:
    """Configure the cluster of a host and make the service's role and database.

    Params:
        database: a host with PostgreSQL and nothing in it.
        name: of the database.
        user: the one role, which owns it.
    Returns:
        what the service needs to connect.
    Raises:
        LabError: a step failed.
    """
    secrets = identity.settings(database.place)
    for suffix, text in (
        ("crt", secrets["database_tls_certificate"]),
        ("key", secrets["vault_database_tls_key"]),
    ):
        database.run(
            f"umask 077; cat > {_CLUSTER}/by-hand.{suffix}", stdin=text.encode(), sudo=True
        )
    database.run(_CONFIGURE.format(name=name, user=user, network=database.place.network), sudo=True)
    password = secrets["vault_database_app_password"]
    sql = f"CREATE ROLE {user} LOGIN PASSWORD '{password}';\nCREATE DATABASE {name} OWNER {user};\n"
    run_sql(database, sql, "postgres")
    values = {
        "HOST": database.name,
        "PORT": 5432,
        "DATABASE": name,
        "USER": user,
        "PASSWORD": password,
    }
    lines = "".join(f"POSTGRES_{setting}={value}\n" for setting, value in values.items())
    return Access(lines, secrets["database_ca_certificate"])


def run_sql(database: Host, sql: str, name: str = DATABASE) -> str:
    """Run SQL as PostgreSQL's superuser, from standard input, and return what it printed."""
    command = f"cd / && sudo -u postgres psql -XAtq -v ON_ERROR_STOP=1 -d {name}"
    return database.run(command, stdin=sql.encode(), sudo=True).stdout.decode()
