"""Migrations that a test writes, and the schema that they leave."""

from __future__ import annotations

from pathlib import Path

from sessionstore.database.connection import Connection


def write(
    root: Path, name: str, deploy: str, verify: str = "SELECT 1", revert: str = "SELECT 1"
) -> str:
    """Write one migration."""
    for kind, script in (("deploy", deploy), ("verify", verify), ("revert", revert)):
        (root / kind).mkdir(exist_ok=True)
        (root / kind / f"{name}.sql").write_text(script)
    return str(root)


MISSING = "DO $$ BEGIN PERFORM 1 FROM pg_class WHERE relname = '{}'; IF NOT FOUND THEN \
RAISE EXCEPTION '{} is missing'; END IF; END $$"


def table(name: str) -> tuple[str, str, str]:
    """Scripts that make, check and drop a table."""
    return f"CREATE TABLE {name} (a int)", MISSING.format(name, name), f"DROP TABLE {name}"


def schema(conn: Connection) -> list[tuple[object, ...]]:
    """Everything there is, to be compared."""
    return conn.execute(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 ORDER BY 1, 2"
    ).fetchall()


def names(conn: Connection) -> list[str]:
    """The recorded migrations."""
    rows = conn.execute("SELECT name FROM rollout_migrations ORDER BY position").fetchall()
    return [str(row[0]) for row in rows]


def everything(conn: Connection) -> list[str]:
    """The schema as text: columns, constraints, indexes, triggers, functions, options."""
    found = conn.execute(
        """
        WITH relation AS (
            SELECT oid, relname, reloptions FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'rollout_migrations%'
        )
        SELECT format('%s.%s %s %s %s', relname, a.attname, format_type(a.atttypid, a.atttypmod),
                      a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
          FROM relation JOIN pg_attribute a ON a.attrelid = relation.oid AND a.attnum > 0
               AND NOT a.attisdropped
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        UNION ALL SELECT format('%s %s', relname, reloptions) FROM relation
        UNION ALL SELECT format('%s %s %s', conname, convalidated, pg_get_constraintdef(c.oid))
          FROM pg_constraint c JOIN relation ON c.conrelid = relation.oid
        UNION ALL SELECT pg_get_indexdef(indexrelid)
          FROM pg_index JOIN relation ON indrelid = relation.oid
        UNION ALL SELECT pg_get_triggerdef(t.oid)
          FROM pg_trigger t JOIN relation ON tgrelid = relation.oid WHERE NOT tgisinternal
        UNION ALL SELECT pg_get_functiondef(oid)
          FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        ORDER BY 1
        """
    ).fetchall()
    return [str(row[0]) for row in found]
