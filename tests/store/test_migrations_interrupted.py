"""Migrations cut off: each its own clear error, and the schema as it was."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessionstore.database.connection import Connection, connect
from sessionstore.errors import (
    DatabaseUnreachable,
    MigrationProblem,
    MigrationTimeout,
    OutcomeUnknown,
)
from sessionstore.migrations.runner import Runner

from .conftest import MIGRATIONS
from .proxy import Proxy
from .schemas import MISSING, everything, names, schema, table, write


@pytest.fixture
def conn(empty_database: dict[str, str]) -> Iterator[Connection]:
    """A connection to a database without any table."""
    with connect(empty_database) as connection:
        yield connection


def test_a_dropped_connection_leaves_the_schema_as_it_was(
    empty_database: dict[str, str], conn: Connection, tmp_path: Path
) -> None:
    """Not a traceback of the driver; what was applied before stays, and the next run goes on."""
    Runner(conn, write(tmp_path, "0001_a", *table("a"))).deploy()
    before = everything(conn)
    suicide = "CREATE TABLE b (c int); SELECT pg_terminate_backend(pg_backend_pid())"
    root = write(tmp_path, "0002_b", suicide, MISSING.format("b", "b"))
    with connect(empty_database) as mine:
        with pytest.raises(DatabaseUnreachable, match="connection to the database broke") as caught:
            Runner(mine, root).deploy()
        assert "0002_b" in str(caught.value)
    assert everything(conn) == before and names(conn) == ["0001_a"]
    write(tmp_path, "0002_b", "CREATE TABLE b (c int)", MISSING.format("b", "b"))
    assert [step.name for step in Runner(conn, root).deploy()] == ["0002_b"]


def test_a_connection_cut_after_commit_was_sent_is_told_as_unknown(
    empty_database: dict[str, str], conn: Connection
) -> None:
    """The server has committed: “nothing was changed” would be a lie; the next run sees it."""
    with Proxy(empty_database) as proxy:
        proxy.cut_after_commit()
        with (
            connect(proxy.settings) as mine,
            pytest.raises(OutcomeUnknown, match="while COMMIT was under way"),
        ):
            Runner(mine, MIGRATIONS).deploy()
    runner = Runner(conn, MIGRATIONS)
    actions = [step.action for step in runner.status()]
    assert actions[:2] == ["applied", "deploy"]
    assert len(runner.deploy()) == len(actions) - 1
    runner.verify()


def test_a_killed_runner_frees_its_lock_and_leaves_no_trace(
    empty_database: dict[str, str], conn: Connection, tmp_path: Path
) -> None:
    """A stale lock that must be broken by hand is how nights get long."""
    slow = "CREATE TABLE b (c int); SELECT pg_sleep(30)"
    root = write(tmp_path, "0001_b", slow, MISSING.format("b", "b"))
    child = os.fork()
    if child == 0:
        with connect(empty_database) as mine:
            Runner(mine, root).deploy()
        os._exit(0)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(30)%%' \
AND datname = current_database() AND pid <> pg_backend_pid()"
    while conn.execute(sleeping.encode()).fetchone() == (0,):
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    write(tmp_path, "0001_b", "CREATE TABLE b (c int)", MISSING.format("b", "b"))
    assert [step.action for step in Runner(conn, root, lock_wait=10).deploy()] == ["deploy"]


def test_a_verify_that_times_out_is_no_verdict(
    empty_database: dict[str, str], conn: Connection, tmp_path: Path
) -> None:
    """“Not there” and “could not look” must not be the same answer: deploy would run then."""
    deploy, verify, revert = table("a")
    locked = f"LOCK TABLE a IN ACCESS SHARE MODE; {verify}"
    Runner(conn, write(tmp_path, "0001_a", deploy, locked, revert)).deploy()
    root = write(tmp_path, "0002_b", "CREATE TABLE b (c int)", f"{locked}; {MISSING}", "SELECT 1")
    with connect(empty_database) as other, other.transaction():
        other.execute("LOCK TABLE a IN ACCESS EXCLUSIVE MODE")
        runner = Runner(conn, root, lock_timeout=0.2)
        for act in (runner.plan, runner.deploy, runner.verify):
            with pytest.raises(MigrationTimeout, match="verify: waited longer"):
                act()
    assert "b" not in {row[0] for row in schema(conn)}


def test_no_right_to_create_is_said(
    server: dict[str, str], empty_database: dict[str, str], conn: Connection
) -> None:
    """The wrong password in the vault: the service's role instead of the owner's."""
    conn.execute("CREATE ROLE somebody LOGIN")
    try:
        with connect({**empty_database, "user": "somebody"}) as mine:
            with pytest.raises(MigrationProblem, match="permission denied"):
                Runner(mine, MIGRATIONS).deploy()
            assert not schema(conn)
    finally:
        conn.execute("DROP ROLE somebody")
