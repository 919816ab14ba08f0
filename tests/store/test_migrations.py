"""Migrations on a real PostgreSQL: from nothing, from the service's own tables, and badly."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessionstore.database.connection import Connection, connect
from sessionstore.errors import LockHeld, MigrationProblem
from sessionstore.migrations.runner import Runner

from .conftest import MIGRATIONS
from .schemas import MISSING, names, schema, table, write
from .service_tables import ORIGINAL

NAMES = [
    "0001_whatsapp_auth",
    "0002_whatsapp_keys",
    "0003_whatsapp_imports",
    "0004_whatsapp_keys_company",
    "0005_whatsapp_stats",
    "0006_whatsapp_imports_identity",
    "0007_whatsapp_imports_stored_in",
]


@pytest.fixture
def conn(empty_database: dict[str, str]) -> Iterator[Connection]:
    """A connection to a database without any table."""
    with connect(empty_database) as connection:
        yield connection


def test_from_an_empty_database(conn: Connection) -> None:
    """Plan, dry run, deploy, status, verify; the second time there is nothing to do."""
    runner = Runner(conn, MIGRATIONS)
    assert [(step.name, step.action) for step in runner.plan()] == [(n, "deploy") for n in NAMES]
    assert not schema(conn)
    assert [step.action for step in runner.deploy(dry_run=True)] == ["deploy"] * len(NAMES)
    assert not schema(conn)
    assert [step.action for step in runner.deploy()] == ["deploy"] * len(NAMES)
    assert names(conn) == NAMES
    assert not runner.plan() and not runner.deploy()
    assert [step.action for step in runner.status()] == ["applied"] * len(NAMES)
    assert [step.action for step in runner.verify()] == ["verified"] * len(NAMES)


def test_the_services_own_tables_are_adopted(conn: Connection) -> None:
    """A rollout meets them in production; they and their rows stay as they are."""
    conn.execute(ORIGINAL.encode())
    before = [row for row in schema(conn) if str(row[0]) in ("whatsapp_auth", "whatsapp_keys")]
    runner = Runner(conn, MIGRATIONS)
    expected = ["adopt"] * 2 + ["deploy"] * (len(NAMES) - 2)
    assert [step.action for step in runner.plan()] == expected
    assert [step.action for step in runner.deploy()] == expected
    after = [row for row in schema(conn) if str(row[0]) in ("whatsapp_auth", "whatsapp_keys")]
    assert before == after
    assert conn.execute("SELECT count(*) FROM whatsapp_keys").fetchone() == (2,)
    valid = conn.execute(
        "SELECT convalidated FROM pg_constraint WHERE contype = 'f'"
        " AND conrelid = 'whatsapp_keys'::regclass"
    ).fetchall()
    assert valid == [(False,)]
    runner.verify()
    with pytest.raises(MigrationProblem, match="adopted"):
        runner.revert(to="nothing")
    assert [step.action for step in runner.revert(to="0002_whatsapp_keys")] == ["revert"] * (
        len(NAMES) - 2
    )


def test_adopting_alone_changes_nothing_else(conn: Connection) -> None:
    """For an operator who wants to see first."""
    conn.execute(ORIGINAL.encode())
    runner = Runner(conn, MIGRATIONS)
    assert [step.name for step in runner.adopt(dry_run=True)] == NAMES[:2]
    assert "rollout_migrations" not in {row[0] for row in schema(conn)}
    assert [step.name for step in runner.adopt()] == NAMES[:2]
    assert names(conn) == NAMES[:2]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ALTER TABLE whatsapp_auth DROP CONSTRAINT whatsapp_auth_pkey", "must be unique"),
        ("ALTER TABLE whatsapp_auth ALTER creds TYPE text", "creds must be jsonb, is text"),
        ("ALTER TABLE whatsapp_auth DROP updated_at", "updated_at must be timestamptz, is missing"),
        ("ALTER TABLE whatsapp_auth ENABLE ROW LEVEL SECURITY", "row level security"),
        (
            "TRUNCATE whatsapp_auth; ALTER TABLE whatsapp_auth ADD tenant text NOT NULL",
            "refuse an import: tenant",
        ),
        (
            "ALTER TABLE whatsapp_keys ALTER value TYPE json",
            "value must be jsonb NOT NULL, is json",
        ),
        ("ALTER TABLE whatsapp_keys ALTER value DROP NOT NULL", "value must be jsonb NOT NULL"),
        ("ALTER TABLE whatsapp_keys ALTER key_id TYPE int USING 1", "key_id must be text"),
        ("ALTER TABLE whatsapp_keys DROP expires_at", "expires_at must be timestamptz"),
        (
            "ALTER TABLE whatsapp_keys DROP CONSTRAINT whatsapp_keys_pkey,"
            " ADD PRIMARY KEY (company_id, key_type, key_id, created_at)",
            "must be the primary key",
        ),
        (
            "ALTER TABLE whatsapp_keys ALTER expires_at SET DEFAULT now() + '14 days'",
            "must have no default",
        ),
        ("ALTER TABLE whatsapp_keys ENABLE ROW LEVEL SECURITY", "row level security"),
        (
            "ALTER TABLE whatsapp_keys ENABLE ROW LEVEL SECURITY;"
            "CREATE POLICY one ON whatsapp_keys USING (company_id = '1')",
            "row level security",
        ),
        (
            "CREATE INDEX k5 ON whatsapp_keys (company_id, key_type, key_id) INCLUDE (value, updated_at)",
            "holds value and would refuse an import: DROP INDEX CONCURRENTLY k5",
        ),
        ("CREATE INDEX k5 ON whatsapp_keys ((value::text))", "DROP INDEX CONCURRENTLY k5"),
        ("CREATE INDEX a1 ON whatsapp_auth (creds)", "holds creds .* CONCURRENTLY a1"),
        (
            "ALTER TABLE whatsapp_keys ALTER key_id TYPE varchar(40)",
            "ALTER TABLE whatsapp_keys ALTER key_id TYPE text",
        ),
        (
            "ALTER TABLE whatsapp_auth ALTER company_id TYPE varchar(20)",
            "ALTER company_id TYPE text",
        ),
    ],
)
def test_tables_that_do_not_fit_are_refused_loudly(
    conn: Connection, change: str, sentence: str
) -> None:
    """Each would lose or hide keys; the schema stays as it was."""
    conn.execute(ORIGINAL.encode())
    conn.execute(change.encode())
    before = schema(conn)
    with pytest.raises(MigrationProblem, match=sentence):
        Runner(conn, MIGRATIONS).deploy(dry_run=True)
    assert schema(conn) == before


def test_what_a_service_has_beside_harms_nothing(conn: Connection) -> None:
    """A policy that hides no row, a limit that no name reaches, an index of another kind."""
    conn.execute(ORIGINAL.encode())
    conn.execute(
        "ALTER TABLE whatsapp_keys ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY every_row ON whatsapp_keys USING (true) WITH CHECK (true);"
        "ALTER TABLE whatsapp_keys ALTER key_id TYPE varchar(255);"
        "CREATE INDEX k5 ON whatsapp_keys USING gin (value)"
    )
    assert [step.name for step in Runner(conn, MIGRATIONS).adopt()] == NAMES[:2]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused(
    conn: Connection, empty_database: dict[str, str], encoding: str
) -> None:
    """Its own tables would be adopted, and the first name beyond ASCII end the import."""
    name = f"{empty_database['dbname']}_other"
    conn.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0".encode())
    try:
        with connect({**empty_database, "dbname": name}) as other:
            for tables in ("", ORIGINAL):
                other.execute(tables.encode())
                with pytest.raises(MigrationProblem, match=f"is in {encoding}.*ENCODING 'UTF8'"):
                    Runner(other, MIGRATIONS).deploy()
    finally:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_reverting_refuses_to_destroy_data(conn: Connection) -> None:
    """Down to nothing works when the tables are empty, and only then."""
    runner = Runner(conn, MIGRATIONS)
    runner.deploy()
    conn.execute("INSERT INTO whatsapp_auth (company_id, creds) VALUES ('1', '{}')")
    with pytest.raises(MigrationProblem, match="holds credentials"):
        runner.revert(to="nothing")
    assert names(conn) == NAMES
    conn.execute("DELETE FROM whatsapp_auth")
    assert len(runner.revert(to="nothing", dry_run=True)) == len(NAMES)
    assert names(conn) == NAMES
    assert len(runner.revert(to="0001_whatsapp_auth")) == len(NAMES) - 1
    assert names(conn) == NAMES[:1]
    runner.revert(to="nothing")
    assert {str(row[0]) for row in schema(conn)} <= {
        "rollout_migrations",
        "rollout_migrations_pkey",
        "rollout_migrations_name_key",
    }
    runner.deploy()
    assert names(conn) == NAMES


def test_a_failing_deploy_or_verify_leaves_no_trace(conn: Connection, tmp_path: Path) -> None:
    """The migrations before it stay applied."""
    root = write(tmp_path, "0001_a", *table("a"))
    write(tmp_path, "0002_b", "CREATE TABLE b (a int); SELECT 1/0", MISSING.format("b", "b"))
    with pytest.raises(MigrationProblem, match="division by zero"):
        Runner(conn, root).deploy()
    assert names(conn) == ["0001_a"] and "b" not in {row[0] for row in schema(conn)}
    write(tmp_path, "0002_b", "CREATE TABLE b (a int)", MISSING.format("c", "c"))
    with pytest.raises(MigrationProblem, match=r"after deploy, verify failed: c is missing"):
        Runner(conn, root).deploy()
    assert names(conn) == ["0001_a"] and "b" not in {row[0] for row in schema(conn)}


def test_a_verify_script_can_not_write(conn: Connection, tmp_path: Path) -> None:
    """It runs in production on every check."""
    deploy, _, revert = table("a")
    root = write(tmp_path, "0001_a", deploy, "CREATE TABLE sneaked (a int)", revert)
    with pytest.raises(MigrationProblem, match="read-only"):
        Runner(conn, root).deploy()
    assert "sneaked" not in {row[0] for row in schema(conn)}


OWN, WRONG = "controls transactions itself, or copies", "syntax error"
BODY = "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("COMMIT;", OWN),
        ("CREATE TABLE b (b int); commit", OWN),
        ("begin;", OWN),
        ("  START   TRANSACTION READ ONLY;", OWN),
        ("SELECT 1;\n-- comment\nROLLBACK;", OWN),
        ("END;", OWN),
        ("ABORT;", OWN),
        ("SAVEPOINT a;", OWN),
        ("PREPARE TRANSACTION 'x';", OWN),
        ("/* a */ COMMIT;", OWN),
        ("/* a /* nested */ ; */ COMMIT;", OWN),
        ("SELECT '/*'; COMMIT; SELECT '*/';", OWN),
        ("SELECT E'\\''; COMMIT; --'", OWN),
        ("SELECT $$ $$; COMMIT;", OWN),
        ("SELECT 'it''s; COMMIT;'", None),
        ("DO $$ BEGIN RAISE NOTICE 'x'; END $$;", None),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $b$ BEGIN COMMIT; END $b$;", None),
        ('CREATE TABLE "a; COMMIT" (b int);', None),
        ("-- COMMIT;\nSELECT 1;", None),
        ("/* ; COMMIT; */ SELECT 1;", None),
        ("SELECT CASE WHEN true THEN 1 END;", None),
        ("CREATE TABLE committed (beginning int);", None),
        ("PREPARE q AS SELECT 1; DEALLOCATE q", None),
        ("SELECT 1;\r\nCOMMIT;\r\n", OWN),
        ("-- a carriage return ends a comment too\rCOMMIT;", OWN),
        ("SELECT text'2026-01-01\\'; COMMIT; --'", OWN),
        ("SELECT 1 AS a$b$; COMMIT; --$b$", OWN),
        (f"{BODY} SELECT 1; SELECT CASE WHEN true THEN 1 ELSE 2 END; END; SELECT 1;", None),
        (f"{BODY} SELECT 1; END; COMMIT;", OWN),
        (f"{BODY} SELECT 1; COMMIT;", WRONG),
        ("BEGIN ATOMIC; SELECT 1; END;", WRONG),
        ("\\set x 1\nSELECT :x;", WRONG),
        ("SELECT 1 \\gset", WRONG),
        ("COPY a FROM STDIN;\n", OWN),
        ("COPY a FROM STDIN;\n1\n\\.\n", WRONG),
        ("SELECT 1; copy a (a)\nto  stdout;", OWN),
        ("COPY a FROM '/dev/null';", None),
        ("SELECT E'a\\n', 'C:\\dir', $$ \\d $$ -- \\x", None),
        ("DO $$ BEGIN RAISE EXCEPTION 'this can not be undone'; END $$", "can not be undone"),
        ("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$; CALL p();",
         "invalid transaction termination"),
    ],
)  # fmt: skip
def test_a_script_stays_within_its_transaction(
    conn: Connection, tmp_path: Path, script: str, sentence: str | None
) -> None:
    """A COMMIT would end the one that verify and record are part of, a COPY wait for ever."""
    deploy, verify, revert = table("a")
    runner = Runner(conn, write(tmp_path, "0001_a", f"{deploy}; {script}", verify, revert))
    if sentence is None:
        runner.deploy()
        assert names(conn) == ["0001_a"]
    else:
        with pytest.raises(MigrationProblem, match=sentence):
            runner.deploy()
        assert not schema(conn)


def test_a_verify_or_revert_script_stays_there_too(conn: Connection, tmp_path: Path) -> None:
    """Verify runs on every check in production."""
    deploy, verify, _ = table("a")
    root = write(tmp_path, "0001_a", deploy, f"{verify}; COMMIT", "DROP TABLE a; COMMIT")
    with pytest.raises(MigrationProblem, match=f"the verify script {OWN}"):
        Runner(conn, root).deploy()
    assert not schema(conn)
    write(tmp_path, "0001_a", deploy, verify, "DROP TABLE a; COMMIT")
    Runner(conn, root).deploy()
    with pytest.raises(MigrationProblem, match=f"the revert script {OWN}"):
        Runner(conn, root).revert(to="nothing")
    assert names(conn) == ["0001_a"]


@pytest.mark.parametrize(
    ("deploy", "sentence"),
    [
        ("SET search_path = other", "another search_path or role"),
        ("SET LOCAL search_path = other", "another search_path or role"),
        ("SET ROLE pg_monitor", "another search_path or role"),
        ("CREATE INDEX CONCURRENTLY i ON a (a)", "Leave CONCURRENTLY out"),
        ("VACUUM", "Each migration is one transaction"),
    ],
)
def test_a_script_that_would_disturb_its_record_leaves_no_trace(
    conn: Connection, tmp_path: Path, deploy: str, sentence: str
) -> None:
    """In another schema the record would never be found again, and the next run adopt."""
    conn.execute("CREATE SCHEMA other")
    root = write(tmp_path, "0001_a", f"{table('a')[0]}; {deploy}", MISSING.format("a", "a"))
    with pytest.raises(MigrationProblem, match=sentence):
        Runner(conn, root).deploy()
    assert not schema(conn)
    assert conn.execute("SELECT to_regclass('other.rollout_migrations')").fetchone() == (None,)


def test_a_revert_that_reverts_nothing_is_told(conn: Connection, tmp_path: Path) -> None:
    """Recorded as undone, it would be adopted by the next run, whatever is there by then."""
    root = write(tmp_path, "0001_a", *table("a")[:2])
    Runner(conn, root).deploy()
    with pytest.raises(MigrationProblem, match="left the change in place"):
        Runner(conn, root).revert(to="nothing")
    assert names(conn) == ["0001_a"]


def test_verifying_names_what_is_not_there_to_be_verified(conn: Connection) -> None:
    """Nothing checked is not the same as all verified."""
    assert [step.action for step in Runner(conn, MIGRATIONS).verify()] == ["deploy"] * len(NAMES)


def test_an_edited_or_missing_file_stops_everything(conn: Connection, tmp_path: Path) -> None:
    """Also plan and verify: what the database has is not what the files say."""
    root = write(tmp_path, "0001_a", *table("a"))
    Runner(conn, root).deploy()
    write(tmp_path, "0001_a", "CREATE TABLE a (b int)", *table("a")[1:])
    for act in (Runner(conn, root).plan, Runner(conn, root).deploy, Runner(conn, root).verify):
        with pytest.raises(MigrationProblem, match="edited"):
            act()


def test_two_runners_at_once_apply_each_migration_once(
    empty_database: dict[str, str], tmp_path: Path
) -> None:
    """dbmate has no lock and the second one dies (docs/facts.md section 4)."""
    deploy, verify, revert = table("a")
    root = write(tmp_path, "0001_a", f"{deploy}; SELECT pg_sleep(0.5)", verify, revert)
    done: list[int] = []

    def run() -> None:
        with connect(empty_database) as mine:
            done.append(len(Runner(mine, root).deploy()))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 0, 1]


def test_the_wait_for_the_lock_is_bounded(empty_database: dict[str, str], conn: Connection) -> None:
    """A session advisory lock; its holder's death frees it."""
    with connect(empty_database) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('baileys-rollout/migrations', 0))")
        started = time.monotonic()
        with pytest.raises(LockHeld, match="did not end within") as caught:
            Runner(conn, MIGRATIONS, lock_wait=0.5).deploy()
        assert f"server process {other.info.backend_pid}" in str(caught.value)
        assert time.monotonic() - started < 5
    Runner(conn, MIGRATIONS, lock_wait=5).deploy()


def test_a_table_lock_and_a_slow_statement_time_out(
    empty_database: dict[str, str], conn: Connection, tmp_path: Path
) -> None:
    """A migration that waits blocks every writer behind it."""
    Runner(conn, write(tmp_path, "0001_a", *table("a"))).deploy()
    alter = "ALTER TABLE a ADD late int"
    check = "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_attribute WHERE attname = 'late') THEN \
RAISE EXCEPTION 'late is missing'; END IF; END $$"
    root = write(tmp_path, "0002_b", alter, check)
    with connect(empty_database) as other, other.transaction():
        other.execute("LOCK TABLE a IN ACCESS SHARE MODE")
        with pytest.raises(MigrationProblem, match="waited longer than"):
            Runner(conn, root, lock_timeout=0.3).deploy()
    write(tmp_path, "0002_b", f"{alter}; SELECT pg_sleep(5)", check)
    with pytest.raises(MigrationProblem, match=r"statement timeout \(limit 0.3 s\)"):
        Runner(conn, root, statement_timeout=0.3).deploy()
    assert names(conn) == ["0001_a"]
