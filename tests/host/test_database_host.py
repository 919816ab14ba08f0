"""Hosts that carry PostgreSQL themselves; a managed database has none."""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from .support.declared import Declared
from .support.target import Target
from .support.wording import joined, octal, problems

pytestmark = pytest.mark.on("database")

DAYS_OF_NOTICE = 30
POSTGRES = "postgres"
LOOPBACK = ("127.0.0.0/8", "::1/128")
# Those that let somebody in who does not come over the local socket.
NETWORK_RULES = (
    "SELECT line_number, type, auth_method, address, netmask FROM pg_hba_file_rules"
    " WHERE type <> 'local' AND auth_method <> 'reject'"
)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def folder(declared: Declared) -> str:
    """Debian's configuration directory of the declared version."""
    return f"/etc/postgresql/{declared.text('postgresql_version')}/main"


def setting(target: Target, name: str) -> str:
    """A setting that is in force."""
    return str(target.psql(f"SELECT current_setting('{name}') AS value")[0]["value"])


def test_declared_version_runs(target: Target, declared: Declared) -> None:
    """Another version answers than the one that was installed and is kept up to date."""
    number = int(setting(target, "server_version_num")) // 10000
    assert number == declared.number("postgresql_version"), f"PostgreSQL {number} is running"


def test_postgresql_starts_at_boot(host: Any, target: Target, declared: Declared) -> None:
    """After a power cut every service waits for its database and gives up."""
    version = declared.text("postgresql_version")
    enabled = host.unit("postgresql.service")["UnitFileState"]
    assert enabled == "enabled", "postgresql.service is not enabled"
    running = host.unit(f"postgresql@{version}-main.service")["ActiveState"]
    assert running == "active", "its cluster is not running"
    start = target.content(f"{folder(declared)}/start.conf").decode(errors="replace")
    assert "auto" in start.split(), f"{folder(declared)}/start.conf does not say auto"


@problems
def test_configuration_is_valid_and_in_force(target: Target) -> Iterator[str]:
    """PostgreSQL does not come up again, or with other rules than those that were tested."""
    for row in target.psql("SELECT name FROM pg_settings WHERE pending_restart"):
        yield f"{row['name']} waits for a restart"
    # Rules and settings that have no problem show no error.
    for view in ("pg_file_settings", "pg_hba_file_rules"):
        for row in target.psql(f"SELECT error FROM {view} WHERE error IS NOT NULL"):
            yield f"{view}: {row['error']}"


def test_tls_is_on(target: Target) -> None:
    """Passwords and keys cross the network in the open."""
    assert setting(target, "ssl") == "on", "ssl is off"
    lowest = setting(target, "ssl_min_protocol_version")
    assert lowest in ("TLSv1.2", "TLSv1.3"), f"it accepts {lowest}"


@problems
def test_network_needs_tls_and_password(target: Target) -> Iterator[str]:
    """One line in pg_hba.conf lets anybody on the network in without a password, or in the open."""
    for rule in target.psql(NETWORK_RULES):
        if rule["type"] != "hostssl" or rule["auth_method"] not in ("scram-sha-256", "cert"):
            yield f"line {rule['line_number']}: {rule['type']} {rule['address']} {rule['auth_method']}"


@problems
def test_only_declared_networks_may_connect(target: Target, declared: Declared) -> Iterator[str]:
    """The database of all customers' keys answers to the whole internet."""
    networks = (*declared.texts("database_client_networks"), *LOOPBACK)
    allowed = [ipaddress.ip_network(one) for one in networks]
    for rule in target.psql(NETWORK_RULES):
        if not within(str(rule["address"]), rule["netmask"], allowed):
            yield f"line {rule['line_number']}: {rule['address']}"


def within(address: str, netmask: str | None, allowed: Sequence[Network]) -> bool:
    """Whether a rule's network lies inside an allowed one; names and keywords do not."""
    try:
        length = int(ipaddress.ip_address(netmask or "")).bit_count()
        network: Any = ipaddress.ip_network(f"{address}/{length}")
    except ValueError:
        return False
    return any(network.version == one.version and network.subnet_of(one) for one in allowed)


def test_it_listens_where_declared(host: Any, target: Target, declared: Declared) -> None:
    """No service reaches its database, or networks reach it that should not."""
    port = int(setting(target, "port"))
    assert port == declared.number("database_port"), f"it listens on port {port}"
    addresses = set(host.listening_on(port))
    wanted = declared.text("database_listen_address")
    expected = {"127.0.0.1", "::1", "127.0.0.1" if wanted == "localhost" else wanted}
    assert wanted in addresses | {"localhost"}, f"it does not listen on {wanted}"
    assert addresses <= expected, f"it also listens on {joined(sorted(addresses - expected))}"


def test_key_is_private(host: Any, target: Target) -> None:
    """Whoever can read the key can pretend to be the database."""
    file = host.file(setting(target, "ssl_key_file"))
    assert file.exists, f"{setting(target, 'ssl_key_file')} is missing"
    assert not file.mode & 0o077 or file.mode == 0o640, f"the key has mode {octal(file.mode)}"
    assert file.user in ("postgres", "root"), f"the key is {file.user}'s"


def test_certificate_is_valid_for_a_while(host: Any, target: Target, declared: Declared) -> None:
    """On the day it expires every service loses its database at its next connection."""
    path = setting(target, "ssl_cert_file")
    seconds = DAYS_OF_NOTICE * 86400
    checked = host.run("openssl x509 -in %s -noout -checkend %s", path, str(seconds), user=POSTGRES)
    assert checked.rc == 0, f"{path} expires within {DAYS_OF_NOTICE} days"
    name = declared.text("database_host")
    kind = "-checkip" if name.replace(".", "").isdigit() or ":" in name else "-checkhost"
    shown = host.run(f"openssl x509 -in %s -noout {kind} %s", path, name, user=POSTGRES).stdout
    assert "does match" in shown, f"{path} is not for {name}"


def test_power_cut_loses_nothing(target: Target) -> None:
    """After a power cut ratchets stand where they stood before: replays and lost messages."""
    names = ("fsync", "full_page_writes", "synchronous_commit")
    off = [name for name in names if setting(target, name) in ("off", "local_off")]
    assert not off, f"switched off: {joined(off)}"


@problems
def test_accounts_are_as_weak_as_they_can_be(target: Target, declared: Declared) -> Iterator[str]:
    """A stolen password of the service would open every database of the server."""
    names = [declared.text("database_app_user"), declared.text("database_owner_user")]
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    rows = target.psql(
        "SELECT rolname, rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication"
        " OR rolbypassrls AS powerful, rolpassword LIKE 'SCRAM-SHA-256$%' AS scram"
        f" FROM pg_authid WHERE rolname IN ({quoted})"
    )
    found = {row["rolname"]: row for row in rows}
    for name in names:
        if name not in found:
            yield f"{name} does not exist"
    for name, row in found.items():
        if row["powerful"]:
            yield f"{name} may do more than it needs"
        if not row["rolcanlogin"]:
            yield f"{name} can't log in"
        if not row["scram"]:
            yield f"{name}'s password is not kept as SCRAM"


def test_database_belongs_to_the_declared_owner(target: Target, declared: Declared) -> None:
    """The next migration fails in the middle of a rollout."""
    name = declared.text("database_name").replace("'", "''")
    rows = target.psql(
        f"SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = '{name}'"
    )
    assert rows, f"there is no database {declared.text('database_name')}"
    assert rows[0]["owner"] == declared.text("database_owner_user"), f"it is {rows[0]['owner']}'s"
