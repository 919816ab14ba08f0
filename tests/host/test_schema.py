"""Tables as the service and the migrations expect them."""

from collections.abc import Iterator
from pathlib import Path

from .support.declared import Declared
from .support.target import Target
from .support.wording import joined, problems

MIGRATIONS = Path(__file__).resolve().parents[2] / "roles" / "schema" / "migrations"
TABLES = {
    "whatsapp_auth": {"company_id", "creds", "created_at", "updated_at"},
    "whatsapp_keys": {
        *("company_id", "key_type", "key_id", "value"),
        *("created_at", "updated_at", "expires_at"),
    },
    "whatsapp_imports": {
        *("import_id", "company_id", "state", "rollout_id", "host", "source"),
        *("creds_sha256", "key_count", "created_at", "activated_at", "withdrawn_at"),
        "identity_sha256",
    },
    "whatsapp_import_files": {
        *("import_id", "file_name", "key_type", "key_id", "file_sha256", "value_sha256"),
    },
    "whatsapp_stats": {"company_id", "taken_on", "key_type", "row_count", "byte_count"},
}
ROW_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")


@problems
def test_tables_and_columns(target: Target) -> Iterator[str]:
    """The service fails at its first read or write, a later cut-over or removal has no record."""
    rows = target.database.rows(
        "SELECT relation.relname AS name, attribute.attname AS column"
        " FROM pg_class relation JOIN pg_attribute attribute ON attribute.attrelid = relation.oid"
        " WHERE relation.oid IN (SELECT to_regclass(name) FROM unnest(%(names)s::text[]) AS name)"
        " AND attribute.attnum > 0 AND NOT attribute.attisdropped",
        names=list(TABLES),
    )
    found: dict[str, set[str]] = {name: set() for name in TABLES}
    for row in rows:
        found[row["name"]].add(row["column"])
    for name, columns in TABLES.items():
        if lacking := columns - found[name]:
            yield f"{name} lacks {joined(sorted(lacking))}"


def test_every_migration_is_applied(target: Target) -> None:
    """Code that expects a migration runs without it, or nobody knows any more which ran."""
    files = sorted(path.stem for path in (MIGRATIONS / "deploy").glob("*.sql"))
    assert target.database.row("SELECT to_regclass('rollout_migrations') AS it")["it"], (
        "there is no record of migrations: table rollout_migrations is missing"
    )
    rows = target.database.rows("SELECT name FROM rollout_migrations ORDER BY position")
    applied = [row["name"] for row in rows]
    missing = [name for name in files if name not in applied]
    unknown = [name for name in applied if name not in files]
    assert not missing, f"not applied: {joined(missing)}"
    assert not unknown, f"applied, but not in this checkout: {joined(unknown)}"


@problems
def test_every_migration_still_verifies(target: Target) -> Iterator[str]:
    """Somebody changed the tables by hand: keys can be doubled, lost or hidden."""
    for path in sorted((MIGRATIONS / "verify").glob("*.sql")):
        if complaint := target.database.complaint_of(path.read_text()):
            yield f"{path.stem}: {complaint}"


@problems
def test_service_may_use_rows_and_no_more(target: Target, declared: Declared) -> Iterator[str]:
    """Without its rights every key write fails; with more, a hole drops the tables."""
    for table in ("whatsapp_auth", "whatsapp_keys"):
        given = target.database.row(
            "SELECT array(SELECT wanted FROM unnest(%(rights)s::text[]) AS wanted"
            " WHERE NOT has_table_privilege(%(table)s, wanted)) AS lacking,"
            " (SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class"
            " WHERE oid = to_regclass(%(table)s)) AS owner",
            rights=list(ROW_RIGHTS),
            table=table,
        )
        for right in given["lacking"]:
            yield f"no right to {right} on {table}"
        if given["owner"]:
            yield f"{declared.text('database_app_user')} owns {table}"
    power = target.database.row(
        "SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    for name, has in power.items():
        if has:
            yield f"the service's account has {name}"


def test_no_index_spoils_updates(target: Target) -> None:
    """An index on updated_at makes every step of a ratchet rewrite all indexes."""
    # The cast fails where there is no such table: no table is no proof of no index.
    rows = target.database.rows(
        "SELECT indexname AS name FROM pg_indexes"
        " WHERE tablename = 'whatsapp_keys' AND 'whatsapp_keys'::regclass IS NOT NULL"
        " AND indexdef LIKE '%%updated_at%%'"
    )
    assert not rows, f"on updated_at: {joined([row['name'] for row in rows])}"
