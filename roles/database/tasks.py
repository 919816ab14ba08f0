"""PostgreSQL on a host of the group `database`: TLS, two roles, one database. Nothing for a managed one."""

from __future__ import annotations

from pathlib import Path

from pyinfra import host
from pyinfra.operations import files

from roles.database.operations import configuration_in_force, database_present, who_may_connect
from roles.hostprogram.plan import text_of
from roles.shared.files import content_of, put
from roles.shared.packages import packages_installed

TEMPLATES = Path(__file__).parent / "templates"
CA_FILE = "/etc/postgresql/baileys-rollout-ca.crt"


def provision() -> None:
    """Install, configure, reload or restart if the configuration changed, make roles and database."""
    version = host.data.postgresql_version
    packages_installed(
        name="Install PostgreSQL",
        packages=[f"postgresql-{version}", "python3"],
    )
    configuration(version)
    configuration_in_force(name="Run PostgreSQL with its configuration", version=version)
    roles_and_database()


def configuration(version: int) -> None:
    """Certificates, listen address, and who may connect from where."""
    folder = f"/etc/postgresql/{version}/main"
    certificate, key = f"{folder}/server.crt", f"{folder}/server.key"
    files.directory(
        name="Create the configuration directory",
        path=f"{folder}/conf.d",
        user="postgres",
        group="postgres",
        mode="755",
    )
    put(
        name="Install the certificate",
        path=certificate,
        content=host.data.database_tls_certificate,
        owner="postgres:postgres",
    )
    put(
        name="Install its key",
        path=key,
        content=text_of(host.data.database_tls_key),
        owner="postgres:postgres",
        mode="600",
    )
    put(
        name="Install the certificate authority",
        path=CA_FILE,
        content=host.data.database_ca_certificate,
    )
    put(
        name="Configure PostgreSQL",
        path=f"{folder}/conf.d/baileys-rollout.conf",
        content=content_of(
            TEMPLATES / "baileys-rollout.conf.j2",
            address=host.data.database_listen_address,
            certificate=certificate,
            key=key,
        ),
        owner="postgres:postgres",
    )
    who_may_connect(
        name="Declare who may connect",
        path=f"{folder}/pg_hba.conf",
        content=content_of(
            TEMPLATES / "pg_hba.conf.j2",
            networks=host.data.database_client_networks,
            database=host.data.database_name,
            owner=host.data.database_owner_user,
            app=host.data.database_app_user,
            further=host.data.database_hba_lines,
        ),
    )


def roles_and_database() -> None:
    """The owner who migrates, the service's own role, and the database."""
    data = host.data
    database_present(
        name="Create roles and database",
        database=data.database_name,
        owner=data.database_owner_user,
        app=data.database_app_user,
        passwords={
            data.database_owner_user: text_of(data.database_owner_password),
            data.database_app_user: text_of(data.database_app_password),
        },
        ca_file=CA_FILE,
    )
