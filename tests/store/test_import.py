"""Importing and withdrawing against a real PostgreSQL."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from sessionstore.database import imports
from sessionstore.database.companies import company_state
from sessionstore.database.connection import Connection, connect
from sessionstore.errors import (
    DatabaseProblem,
    DatabaseUnreachable,
    LockHeld,
    OutcomeUnknown,
    Refused,
    StoreError,
)
from sessionstore.importing import stage as importing
from sessionstore.importing import states
from sessionstore.importing.proof import unchanged
from sessionstore.keys.names import Key, encode
from sessionstore.scan import table
from sessionstore.scan.scan import scan_directory

from .imports import HOST, ROLLOUT, prove, rows, stage, withdraw
from .session_files import COMPANY, dump, keys, write_company


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of session files with one company."""
    write_company(tmp_path / "baileys_sessions")
    return tmp_path / "baileys_sessions"


def test_every_key_arrives_under_its_own_name(conn: Connection, root: Path) -> None:
    """A key under a wrong name is a key the service can't find."""
    record = stage(conn, root)
    found = conn.execute("SELECT key_type, key_id, value FROM whatsapp_keys").fetchall()
    assert {Key(str(t), str(i)): v for t, i, v in found} == keys()
    assert record.key_count == len(keys()) and record.state == "staged"
    assert record.by_type["pre-key"] == 40
    assert rows(conn) == (1, len(keys()), 1, len(keys()) + 1)
    never = conn.execute("SELECT count(*) FROM whatsapp_keys WHERE expires_at IS NULL").fetchone()
    assert never == (len(keys()),)


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("pre-key-1.json", "", "empty"),
        ("pre-key-1.json", '{"a":', "truncated"),
        ("pre-key-1.json", '{"a":"\\u0000"}', "not storable"),
        ("pre-key-1.json", '{"a":"\\ud83e"}', "not storable"),
        ("pre-key-1.json", '{"a":NaN}', "not JSON"),
        ("creds.json", "", "empty"),
        ("creds.json", '{"me":{}}', "not registered"),
        ("whatever.json", "{}", "unknown file"),
    ],
)
def test_a_bad_file_stops_the_import_before_anything_is_written(
    conn: Connection, root: Path, name: str, text: str, word: str
) -> None:
    """Also one that turned bad after the scan."""
    path = root / f"company_{COMPANY}" / name
    with scan_directory(str(root), contents=False) as listed, scan_directory(str(root)) as read:
        path.write_text(text)
        for early in (listed, read):
            with pytest.raises(StoreError):
                importing.stage(conn, early, COMPANY, ROLLOUT, HOST)
    with pytest.raises(Refused, match=word):
        stage(conn, root)
    assert rows(conn) == (0, 0, 0, 0)


@pytest.mark.parametrize("name", ["pre-key-7.json", "creds.json"])
def test_a_good_file_that_changed_since_the_scan_stops_the_import(
    conn: Connection, root: Path, name: str
) -> None:
    """Somebody writes there: what was judged to be fit are other bytes."""
    path = root / f"company_{COMPANY}" / name
    with scan_directory(str(root)) as read:
        path.write_text(path.read_text() + " ")
        with pytest.raises(Refused, match="changed since it was scanned"):
            importing.stage(conn, read, COMPANY, ROLLOUT, HOST)
    assert rows(conn) == (0, 0, 0, 0)


def test_only_an_absent_company_is_imported(conn: Connection, root: Path) -> None:
    """A ratchet never goes back, so there is no second import and no merge."""
    stage(conn, root)
    with pytest.raises(Refused, match="has this company already"):
        stage(conn, root)
    assert rows(conn)[:3] == (1, len(keys()), 1)


@pytest.mark.parametrize(
    "there",
    [
        "INSERT INTO whatsapp_auth VALUES ('962302', '{}')",
        "INSERT INTO whatsapp_auth VALUES ('company_962302', '{}')",
        "ALTER TABLE whatsapp_keys DROP CONSTRAINT whatsapp_keys_company;"
        "INSERT INTO whatsapp_keys VALUES ('962302', 'pre-key', '9999', '{}')",
        "ALTER TABLE whatsapp_keys DROP CONSTRAINT whatsapp_keys_company;"
        "INSERT INTO whatsapp_keys VALUES ('company_962302', 'pre-key', '9999', '{}')",
    ],
)
def test_a_trace_of_the_company_is_enough_to_refuse(
    conn: Connection, root: Path, there: str
) -> None:
    """Either spelling, credentials or keys alone."""
    conn.execute(there.encode())
    with pytest.raises(Refused, match="has this company already"):
        stage(conn, root)
    assert rows(conn)[2:] == (0, 0)


def test_an_import_that_was_active_and_emptied_is_not_repeated(
    conn: Connection, root: Path
) -> None:
    """Its keys were used: the files are older than what was lost."""
    states.activate(conn, stage(conn, root).import_id)
    conn.execute("DELETE FROM whatsapp_keys; DELETE FROM whatsapp_auth")
    with pytest.raises(Refused, match="active import"):
        stage(conn, root)


def test_a_rehearsal_leaves_nothing(conn: Connection, root: Path) -> None:
    """Run while the service is up."""
    with scan_directory(str(root)) as scan:
        record = importing.rehearse(conn, scan, COMPANY, ROLLOUT, HOST)
    assert (record.state, record.key_count) == ("rehearsed", len(keys()))
    assert rows(conn) == (0, 0, 0, 0)


def test_states_go_one_way(conn: Connection, root: Path) -> None:
    """Staged, then active or withdrawn; each step may be repeated by the next run."""
    import_id = stage(conn, root).import_id
    assert import_id == imports.import_id_for(ROLLOUT, HOST, COMPANY)
    assert company_state(conn, COMPANY).staged_import == import_id
    assert withdraw(conn, root, import_id) == len(keys()) + 1
    assert withdraw(conn, root, import_id) == 0
    assert company_state(conn, COMPANY).empty
    with pytest.raises(Refused, match="withdrawn"):
        states.activate(conn, import_id)
    assert stage(conn, root).import_id == import_id
    assert states.activate(conn, import_id).state == "active"
    assert states.activate(conn, import_id).state == "active"
    with pytest.raises(Refused, match=r"can't be taken back|may have moved"):
        withdraw(conn, root, import_id)
    assert company_state(conn, COMPANY).keys == len(keys())
    record = imports.find(conn, import_id)
    assert record is not None and record.state == "active" and record.host == HOST
    assert imports.find(conn, "00000000-0000-0000-0000-000000000000") is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE whatsapp_keys SET value = '[]' WHERE key_id = '7'",
        "DELETE FROM whatsapp_keys WHERE key_id = '7'",
        "INSERT INTO whatsapp_keys VALUES ('962302', 'pre-key', '9999', '{}')",
        "UPDATE whatsapp_keys SET key_type = 'pre', key_id = 'key-7' WHERE key_id = '7'",
        "UPDATE whatsapp_auth SET creds = jsonb_set(creds, '{nextPreKeyId}', '814')",
    ],
)
def test_what_moved_is_neither_withdrawn_nor_unchanged(
    conn: Connection, root: Path, change: str
) -> None:
    """Then keys may be in use that no file has."""
    import_id = stage(conn, root).import_id
    assert unchanged(conn, import_id)
    conn.execute(change.encode())
    before = rows(conn)
    assert not unchanged(conn, import_id)
    with pytest.raises(Refused, match="nothing was deleted"):
        withdraw(conn, root, import_id)
    assert rows(conn) == before


def test_a_row_that_is_only_touched_is_unchanged(conn: Connection, root: Path) -> None:
    """The value counts, not the time."""
    import_id = stage(conn, root).import_id
    conn.execute("UPDATE whatsapp_keys SET value = value")
    assert unchanged(conn, import_id)


def test_two_at_once(database: dict[str, str], conn: Connection, root: Path) -> None:
    """The second one is told, or finds the company there."""
    with connect(database) as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('baileys-rollout/962302', 0))")
        with pytest.raises(LockHeld, match="another run"):
            stage(conn, root)
    outcomes: list[str] = []

    def run() -> None:
        with connect(database) as mine:
            try:
                outcomes.append(stage(mine, root).state)
            except (Refused, LockHeld) as error:
                outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("staged") == 1
    assert rows(conn) == (1, len(keys()), 1, len(keys()) + 1)


def test_a_file_that_comes_during_the_import_stops_it(
    conn: Connection, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody started the service in the middle of it."""
    copy = importing._copy

    def write_meanwhile(*args: object) -> None:
        copy(*args)  # type: ignore[arg-type]
        (root / f"company_{COMPANY}" / "pre-key-500.json").write_text("{}")

    monkeypatch.setattr(importing, "_copy", write_meanwhile)
    with pytest.raises(Refused, match="came or went"):
        stage(conn, root)
    assert rows(conn) == (0, 0, 0, 0)


def test_a_connection_lost_during_the_import_leaves_nothing(
    database: dict[str, str], conn: Connection, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server rolls back what was not committed."""
    copy = importing._copy

    def cut(connection: Connection, statement: Any, lines: list[str]) -> None:
        copy(connection, statement, lines)
        if "whatsapp_keys" in str(statement):
            with connect(database) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])

    monkeypatch.setattr(importing, "_copy", cut)
    with connect(database) as mine, pytest.raises(DatabaseUnreachable, match="connection"):
        stage(mine, root)
    assert rows(conn) == (0, 0, 0, 0)


def test_a_connection_lost_at_commit_is_told_as_unknown(
    database: dict[str, str], conn: Connection, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it was committed stands in the database, under an id known beforehand."""
    require = imports.require

    def cut(connection: Connection, import_id: str) -> imports.ImportRecord:
        record = require(connection, import_id)
        with connect(database) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        return record

    monkeypatch.setattr(importing, "require", cut)
    with connect(database) as mine, pytest.raises(OutcomeUnknown, match="COMMIT"):
        stage(mine, root)
    monkeypatch.undo()
    assert imports.find(conn, imports.import_id_for(ROLLOUT, HOST, COMPANY)) is None


def test_missing_tables_and_servers_are_one_sentence(
    empty_database: dict[str, str], root: Path
) -> None:
    """For an operator, without the driver's traceback and without the password."""
    with connect(empty_database) as bare, pytest.raises(DatabaseProblem, match="does not exist"):
        stage(bare, root)
    with pytest.raises(DatabaseUnreachable) as caught:
        connect({"host": "127.0.0.1", "port": 1, "dbname": "x", "password": "hunter2"})
    assert "hunter2" not in str(caught.value) and "127.0.0.1:1/x" in str(caught.value)
    with pytest.raises(DatabaseUnreachable, match="unknown connection settings"):
        connect({"hots": "x"})


def test_a_prefix_is_no_company_id(conn: Connection, root: Path) -> None:
    """Rows use the bare id."""
    with scan_directory(str(root)) as scan, pytest.raises(Refused, match="bare company id"):
        importing.stage(conn, scan, f"company_{COMPANY}", ROLLOUT, HOST)


def test_a_transaction_of_the_callers_is_refused(conn: Connection, root: Path) -> None:
    """What it believes to be committed would not be."""
    with conn.transaction(), pytest.raises(Refused, match="already in a transaction"):
        stage(conn, root)


def test_many_batches(conn: Connection, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches, and the names listed at a time, bound the memory: they must add up."""
    monkeypatch.setattr(importing, "BATCH", 7)
    monkeypatch.setattr(table, "WINDOW", 5)
    with scan_directory(str(root), contents=False) as listed:
        record = importing.stage(conn, listed, COMPANY, ROLLOUT, HOST)
    assert record.key_count == len(keys()) and prove(conn, root, record.import_id).ok


def test_awkward_text_arrives(conn: Connection, root: Path) -> None:
    """Backslashes, quotes, tabs and characters outside the basic plane, through COPY."""
    value = {"text": 'tab\tnew\nback\\slash \\n \\. quote" nul-free \x01 \x7f fox 🦊 é'}
    name = encode(Key("device-list", "77"))
    (root / f"company_{COMPANY}" / name).write_text(dump(value))
    import_id = stage(conn, root).import_id
    found = conn.execute("SELECT value FROM whatsapp_keys WHERE key_id = '77'").fetchone()
    assert found == (value,)
    assert prove(conn, root, import_id).ok


def test_descriptors_are_given_back(conn: Connection, root: Path) -> None:
    """The host program runs for a long time."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        withdraw(conn, root, stage(conn, root).import_id)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
