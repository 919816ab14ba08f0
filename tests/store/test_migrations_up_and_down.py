"""Every migration up, down and with data, from nothing and from the service's own tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sessionstore.database.connection import Connection, connect
from sessionstore.errors import MigrationProblem
from sessionstore.migrations.plan import load
from sessionstore.migrations.runner import Runner

from .conftest import MIGRATIONS
from .schemas import everything
from .service_tables import ORIGINAL

ALL = load(MIGRATIONS)

# Rows that a migration's own table may hold, and whether reverting it would destroy them.
DATA = {
    "0001_whatsapp_auth": ("INSERT INTO whatsapp_auth VALUES ('9', '{}')", "holds credentials"),
    "0002_whatsapp_keys": (
        "INSERT INTO whatsapp_keys VALUES ('9', 'pre-key', '1', '{}')",
        "holds keys",
    ),
    "0003_whatsapp_imports": (
        "INSERT INTO whatsapp_imports VALUES"
        " ('00000000-0000-0000-0000-000000000009', '9', 'active', 'r', 'h', 's', 'd', 1)",
        "removal of session files rests on",
    ),
    "0004_whatsapp_keys_company": (
        "INSERT INTO whatsapp_auth VALUES ('9', '{}');"
        "INSERT INTO whatsapp_keys VALUES ('9', 'pre-key', '1', '{}')",
        None,
    ),
    "0005_whatsapp_stats": (
        "INSERT INTO whatsapp_stats VALUES ('9', '2026-11-22', 'pre-key', 1, 1)",
        "can not be measured again",
    ),
    "0006_whatsapp_imports_identity": (
        "INSERT INTO whatsapp_imports (import_id, company_id, state, rollout_id, host, source,"
        " creds_sha256, key_count, identity_sha256) VALUES"
        " ('00000000-0000-0000-0000-000000000009', '9', 'active', 'r', 'h', 's', 'd', 1, 'i')",
        "nothing could tell again",
    ),
    "0007_whatsapp_imports_stored_in": (
        "INSERT INTO whatsapp_imports (import_id, company_id, state, rollout_id, host, source,"
        " creds_sha256, key_count, stored_in) VALUES"
        " ('00000000-0000-0000-0000-000000000009', '9', 'active', 'r', 'h', 's', 'd', 1, '1.1/2/3/4')",
        "nothing could tell again",
    ),
}
CLEAR = (
    "DELETE FROM {table} WHERE company_id = '9'",
    ("whatsapp_stats", "whatsapp_imports", "whatsapp_keys", "whatsapp_auth"),
)


@pytest.fixture
def conn(empty_database: dict[str, str]) -> Iterator[Connection]:
    """A connection to a database without any table."""
    with connect(empty_database) as connection:
        yield connection


def rows(conn: Connection) -> list[tuple[object, ...]]:
    """What the service's tables hold."""
    there = conn.execute("SELECT to_regclass('whatsapp_keys')").fetchone()
    if there == (None,):
        return []
    return conn.execute(
        "SELECT company_id, key_type, key_id, value::text FROM whatsapp_keys ORDER BY 1, 2, 3"
    ).fetchall()


def clear(conn: Connection) -> None:
    """Take away what DATA put in."""
    statement, tables = CLEAR
    for table in tables:
        if conn.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,):
            conn.execute(statement.format(table=table).encode())


@pytest.mark.parametrize("original", [False, True], ids=["from nothing", "from the service's own"])
@pytest.mark.parametrize("number", range(1, len(ALL) + 1), ids=[one.name for one in ALL])
def test_up_with_data_and_down(conn: Connection, number: int, original: bool) -> None:
    """A way back that leaves something, or takes a row along, is found before it is needed."""
    if original:
        conn.execute(ORIGINAL.encode())
    name = ALL[number - 1].name
    before_it = ALL[number - 2].name if number > 1 else "nothing"
    Runner(conn, ALL[: number - 1]).deploy()
    before, rows_before = everything(conn), rows(conn)
    runner = Runner(conn, ALL[:number])
    (step,) = runner.deploy()
    after = everything(conn)
    assert step.action == ("adopt" if original and number <= 2 else "deploy")
    assert (after == before) is (step.action == "adopt")
    if step.action == "adopt":
        with pytest.raises(MigrationProblem, match="not this project's to drop"):
            runner.revert(to=before_it)
        assert everything(conn) == after and rows(conn) == rows_before
        return
    insert, refusal = DATA[name]
    conn.execute(insert.encode())
    with_data = rows(conn)
    if refusal:
        with pytest.raises(MigrationProblem, match=refusal):
            runner.revert(to=before_it)
        assert everything(conn) == after
        clear(conn)
    else:
        runner.revert(to=before_it, dry_run=True)
        assert everything(conn) == after
    runner.revert(to=before_it)
    assert everything(conn) == before
    assert rows(conn) == (rows_before if refusal else with_data)
    runner.deploy()
    assert everything(conn) == after
    runner.verify()


def test_every_migration_has_its_data() -> None:
    """A new migration comes with its own row in the table above."""
    assert list(DATA) == [one.name for one in ALL]
