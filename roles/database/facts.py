"""What a database host's PostgreSQL has."""

from __future__ import annotations

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase

from roles.database.sql import held_sql
from roles.shared.shell import Affirmed, Lines, script

# A password's verifier tells nothing; whether it still fits is tried by connecting, never read.
SCRIPT = """
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
        return script(SCRIPT, database, owner, held_sql(database, app))

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
