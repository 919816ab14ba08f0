"""Roles, database and configuration of a PostgreSQL that a host carries itself."""

from collections.abc import Iterator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase

from roles.database.hba import strange_lines
from roles.database.sql import database_sql, held_sql, privileges_sql, role_sql
from roles.hostprogram.plan import text_of
from roles.shared.files import FileDigests, as_declared, replacing
from roles.shared.shell import Affirmed, Lines, SecretLines, failing, script

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


# A password's verifier tells nothing; whether it still fits is tried by connecting, never read.
OBJECTS = """
cd /
psql -XAtq -d postgres -c "SELECT 'database=' || datname FROM pg_database" 2>/dev/null
psql -XAtq -d "$1" -c "SELECT 'grants=yes' FROM pg_default_acl a
  JOIN pg_roles r ON r.oid = a.defaclrole WHERE r.rolname = '$2' LIMIT 1" \
  -c "SELECT 'held=' || held FROM ($3) AS ours" 2>/dev/null
true
"""


class PostgresqlObjects(FactBase[dict[str, list[str]]]):
    """Databases (``database``), the owner's default privileges (``grants``), and what the service's
    role owns (``held``); what there is none of is left out."""

    def command(self, database: str, owner: str, app: str) -> StringCommand:
        return script(OBJECTS, database, owner, held_sql(database, app))

    default = dict

    def process(self, output: list[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for kind, _, value in (line.partition("=") for line in output):
            found.setdefault(kind, []).append(value)
        return found


class PasswordsAccepted(Affirmed):
    """Whether the server accepts the declared passwords, over TLS, as the service would use them.

    They come on standard input (user, password, user, password), and ``PGPASSWORD`` is set inside the
    shell: never in anyone's argv.
    """

    def command(self, database: str, address: str, ca_file: str) -> StringCommand:
        text = (
            "while IFS= read -r user && IFS= read -r PGPASSWORD; do export PGPASSWORD; "
            'psql -XAtq "host=$2 hostaddr=127.0.0.1 user=$user dbname=$1 sslmode=verify-ca sslrootcert=$3"'
            " -c 'SELECT 1' >/dev/null 2>&1 </dev/null || { echo no; exit 0; }; done; echo yes"
        )
        return script(text, database, address, ca_file)


class FileLines(Lines):
    """The lines of a file; none where it does not exist."""

    def command(self, path: str) -> StringCommand:
        return StringCommand("cat --", QuoteString(path), "2>/dev/null || true")


# Fractions of a second: a file may be written in the same one.
IN_FORCE = """
cd /; folder=$1
changed=$(stat -c %.6Y "$folder"/conf.d/* "$folder"/pg_hba.conf "$folder"/server.crt \
  "$folder"/server.key 2>/dev/null | sort -n | tail -n 1)
systemctl -q is-active "$2" && runuser -u postgres -- psql -XAtq -c "SELECT 'yes'
  WHERE extract(epoch FROM pg_conf_load_time()) > ${changed:-0}
  AND NOT EXISTS (SELECT FROM pg_settings WHERE pending_restart)" 2>/dev/null
true
"""


class ConfigurationInForce(Affirmed):
    """Whether the cluster runs, has loaded its files since they last changed, and waits for no restart."""

    def command(self, version: int) -> StringCommand:
        folder, unit = f"/etc/postgresql/{version}/main", f"postgresql@{version}-main"
        return script(IN_FORCE, folder, unit)


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
