"""The proof that a removal makes of files that it has read already, by their own values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sessionstore.database import imports
from sessionstore.database.connection import Connection
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import walk
from sessionstore.importing import stage, states
from sessionstore.judgement.activity import STOPPED, Activity
from sessionstore.removal.account import Accounting
from sessionstore.removal.second_proof import account_again
from sessionstore.scan.scan import scan_directory

from .imports import withdraw
from .session_files import COMPANY, keys, write_company


@pytest.fixture
def root(tmp_path: Path, conn: Connection) -> Path:
    """A live directory that was imported and is active in the database."""
    write_company(tmp_path / "baileys_sessions")
    with scan_directory(str(tmp_path / "baileys_sessions"), contents=False) as listed:
        record = stage.stage(conn, listed, COMPANY, "rollout", "wa-1")
    states.activate(conn, record.import_id)
    return tmp_path / "baileys_sessions"


@contextmanager
def walked(conn: Connection, root: Path) -> Iterator[Callable[[], Accounting]]:
    """The directory, read for its archive; gives the proof that follows."""
    with closing(open_directory(str(root))) as fd:
        tree = walk(fd)
        yield lambda: account_again(conn, fd, tree, str(root), "live", activity=Activity(STOPPED))


def test_every_file_is_read_itself(conn: Connection, root: Path) -> None:
    """A row that was altered, and the import's record with it: their digests agree, the file does not."""
    conn.execute(
        "UPDATE whatsapp_keys SET value = '{}' WHERE key_type = 'pre-key' AND key_id = '7';"
        "UPDATE whatsapp_import_files SET value_sha256 = encode(sha256('{}'), 'hex')"
        " WHERE key_type = 'pre-key' AND key_id = '7'"
    )
    with walked(conn, root) as proof:
        (reason,) = proof().decision.reasons
    assert "pre-key-7.json" in reason and "never changes" in reason


def test_a_record_of_other_names_stands_for_no_file(conn: Connection, root: Path) -> None:
    """The record says that the file of one key is that of another, whose row has its value."""
    conn.execute(
        "DELETE FROM whatsapp_keys WHERE key_type = 'pre-key' AND key_id = '7';"
        "INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) SELECT company_id,"
        " 'odd', '7', value FROM whatsapp_keys WHERE key_id = '8' AND key_type = 'pre-key';"
        "UPDATE whatsapp_import_files SET key_type = 'odd' WHERE key_type = 'pre-key' AND key_id = '7'"
    )
    (root / f"company_{COMPANY}" / "pre-key-7.json").write_bytes(
        (root / f"company_{COMPANY}" / "pre-key-8.json").read_bytes()
    )
    with walked(conn, root) as proof:
        (reason,) = proof().decision.reasons
    assert "pre-key-7.json" in reason


def test_a_row_that_moved_counts_for_what_it_is(conn: Connection, root: Path) -> None:
    """What was recorded of a file says nothing of its row, which is read every time."""
    conn.execute(
        "UPDATE whatsapp_keys SET value = '{}' WHERE key_type = 'pre-key' AND key_id = '7'"
    )
    with walked(conn, root) as proof:
        (reason,) = proof().decision.reasons
    assert "pre-key-7.json" in reason and "never changes" in reason


def test_a_file_of_other_bytes_is_read(conn: Connection, root: Path) -> None:
    """Written anew with the same value it is still equal; with another it blocks."""
    path = root / f"company_{COMPANY}" / "pre-key-7.json"
    path.write_bytes(b" " + path.read_bytes())
    with walked(conn, root) as proof:
        assert proof().decision.removable
    path.write_text("[1]")
    with walked(conn, root) as proof:
        assert "pre-key-7.json" in proof().decision.reasons[0]


def test_a_file_that_came_after_the_reading_blocks(conn: Connection, root: Path) -> None:
    """It is in no archive."""
    with walked(conn, root) as proof:
        (root / f"company_{COMPANY}" / "pre-key-500.json").write_text("{}")
        assert "pre-key-500.json" in proof().decision.reasons[0]


def test_a_file_that_is_not_what_was_hashed_blocks(conn: Connection, root: Path) -> None:
    """Its value still equals the row, but these bytes are in no archive."""
    path = root / f"company_{COMPANY}" / "pre-key-7.json"
    with walked(conn, root) as proof:
        path.write_bytes(b" " + path.read_bytes())
        (reason,) = proof().decision.reasons
    assert reason == f"company_{COMPANY}/pre-key-7.json: changed, or came, while it was looked at"


def test_a_wrong_record_neither_blocks_nor_excuses(conn: Connection, root: Path) -> None:
    """The values themselves are compared where the record does not fit the row."""
    other = "UPDATE whatsapp_import_files SET value_sha256 = repeat('0', 64) WHERE key_id = '7'"
    conn.execute(other.encode())
    with walked(conn, root) as proof:
        assert proof().decision.removable
    conn.execute("DELETE FROM whatsapp_keys WHERE key_type = 'pre-key' AND key_id = '7'")
    with walked(conn, root) as proof:
        assert "pre-key-7.json" in proof().decision.reasons[0]


def test_a_withdrawn_import_is_no_record(conn: Connection, root: Path) -> None:
    """Nothing of it is in the database."""
    record = imports.find_for_company(conn, COMPANY)
    assert record is not None
    withdraw(conn, root, record.import_id, active=True)
    with walked(conn, root) as proof:
        assert "does not know company" in proof().decision.reasons[0]
    assert len(list((root / f"company_{COMPANY}").iterdir())) == len(keys()) + 1
