"""PostgreSQL on a host of the group `database`: TLS, two roles, one database. Nothing for a managed one."""

from pathlib import Path

from pyinfra import host
from pyinfra.operations import files

from roles.database.operations import configuration_in_force, database_present, who_may_connect
from roles.hostprogram.plan import text_of
from roles.shared.files import content_of, put, template
from roles.shared.packages import packages_installed

TEMPLATES = Path(__file__).parent / "templates"
CA_FILE = "/etc/postgresql/baileys-rollout-ca.crt"
POSTGRES = "postgres:postgres"


def provision() -> None:
    """A database that the service hosts may use; restarted only if its configuration needs it."""
    install()
    configure(f"/etc/postgresql/{host.data.postgresql_version}/main")
    activate()


def install() -> None:
    """Debian's or the host's own repository's."""
    version = host.data.postgresql_version
    packages_installed(name="Install PostgreSQL", packages=[f"postgresql-{version}", "python3"])


def configure(folder: str) -> None:
    """Certificates, listen address, and who may connect from where."""
    data = host.data
    certificate, key = f"{folder}/server.crt", f"{folder}/server.key"
    files.directory(
        name="Create the configuration directory",
        path=f"{folder}/conf.d",
        user="postgres",
        group="postgres",
        mode="755",
    )
    put(certificate, data.database_tls_certificate, POSTGRES)
    put(key, text_of(data.database_tls_key), POSTGRES, "600")
    put(CA_FILE, data.database_ca_certificate)
    template(
        f"{folder}/conf.d/baileys-rollout.conf",
        TEMPLATES / "baileys-rollout.conf.j2",
        POSTGRES,
        address=data.database_listen_address,
        certificate=certificate,
        key=key,
    )
    who_may_connect(
        name="Declare who may connect",
        path=f"{folder}/pg_hba.conf",
        content=content_of(
            TEMPLATES / "pg_hba.conf.j2",
            networks=data.database_client_networks,
            database=data.database_name,
            owner=data.database_owner_user,
            app=data.database_app_user,
            further=data.database_hba_lines,
        ),
    )


def activate() -> None:
    """The configuration in force; the owner who migrates, the service's own role, and the database."""
    version = host.data.postgresql_version
    configuration_in_force(name="Run PostgreSQL with its configuration", version=version)
    database_present(name="Create roles and database", ca_file=CA_FILE)
