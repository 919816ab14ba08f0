"""Tables as the service and the migrations expect them."""

from collections.abc import Iterator
from pathlib import Path

from sessionstore.migrations.plan import Migration, load
from sessionstore.migrations.service_tables import fitted
from sessionstore.tables.layout import Tables
from sessionstore.tables.statements import quoted

from .support.declared import Declared
from .support.target import Target
from .support.wording import joined, not_checked, problems

MIGRATIONS = Path(__file__).resolve().parents[2] / "roles" / "schema" / "migrations"
OURS = {
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


def expected(tables: Tables) -> dict[str, set[str | None]]:
    """The columns of every table, by its name as SQL has it: the service's, and those of the migrations."""
    keys, credentials = tables.keys, tables.credentials
    found: dict[str, set[str | None]] = {name: {*columns} for name, columns in OURS.items()}
    for table, columns in (
        (
            credentials.table,
            {
                credentials.company,
                credentials.value,
                credentials.updated_at,
                *dict(credentials.row),
            },
        ),
        (
            keys.table,
            {keys.company, *keys.key, keys.value, keys.updated_at, keys.expires_at},
        ),
    ):
        found.setdefault(quoted(tables.schema, table), set()).update(columns - {None})
    return found


@problems
def test_tables_and_columns(target: Target) -> Iterator[str]:
    """The service fails at its first read or write, a later cut-over or removal has no record."""
    tables = expected(target.database.tables)
    rows = target.database.rows(
        "SELECT name, attribute.attname AS column FROM unnest(%(names)s::text[]) AS name"
        " JOIN pg_attribute attribute ON attribute.attrelid = to_regclass(name)"
        " WHERE attribute.attnum > 0 AND NOT attribute.attisdropped",
        names=list(tables),
    )
    found: dict[str, set[str]] = {name: set() for name in tables}
    for row in rows:
        found[row["name"]].add(row["column"])
    for name, columns in tables.items():
        if lacking := {one for one in columns if one} - found[name]:
            yield f"{name} lacks {joined(sorted(lacking))}"


def migrations(target: Target) -> tuple[Migration, ...]:
    """Those of this checkout, for a database with the service's tables."""
    return fitted(load(str(MIGRATIONS)), target.database.tables)


def test_every_migration_is_applied(target: Target) -> None:
    """Code that expects a migration runs without it, or nobody knows any more which ran."""
    files = [one.name for one in migrations(target)]
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
    for one in migrations(target):
        if complaint := target.database.complaint_of(one.verify):
            yield f"{one.name}: {complaint}"


@problems
def test_service_may_use_rows_and_no_more(target: Target, declared: Declared) -> Iterator[str]:
    """Without its rights every key write fails; with more, a hole drops the tables."""
    tables = target.database.tables
    for table in (quoted(tables.schema, name) for name in tables.names):
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
    tables = target.database.tables
    if tables.keys.updated_at is None:
        not_checked("the description names no column of when a key was written")
    # The cast fails where there is no such table: no table is no proof of no index.
    rows = target.database.rows(
        "SELECT indexrelid::regclass::text AS name FROM pg_index JOIN pg_attribute"
        " ON attrelid = indrelid AND attnum = ANY(indkey::int2[])"
        " WHERE indrelid = %(table)s::regclass AND attname = %(column)s",
        table=quoted(tables.schema, tables.keys.table),
        column=tables.keys.updated_at,
    )
    assert not rows, f"on updated_at: {joined([row['name'] for row in rows])}"
