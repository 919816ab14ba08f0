"""The proof of an import, against a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sessionstore.database.connection import Connection
from sessionstore.importing import stage as importing
from sessionstore.scan.scan import scan_directory

from .imports import HOST, ROLLOUT, prove, stage, update, write
from .session_files import COMPANY, keys, write_company


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of session files with one company."""
    write_company(tmp_path / "baileys_sessions")
    return tmp_path / "baileys_sessions"


def test_the_proof_holds_right_after_the_import(conn: Connection, root: Path) -> None:
    """The frozen instant: files, record and rows are equal."""
    proof = prove(conn, root, stage(conn, root).import_id)
    assert proof.ok and proof.credentials_equal and not proof.mismatches
    assert (proof.files, proof.keys, proof.rows) == (len(keys()) + 1, len(keys()), len(keys()))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            update(
                "UPDATE whatsapp_keys SET value = '{\"a\":1}' WHERE key_id = '15550002222_1.14'"
            ),
            "session-15550002222_1.14.json",
        ),
        (update("DELETE FROM whatsapp_keys WHERE key_id = '7'"), "pre-key-7.json"),
        (
            update(
                "UPDATE whatsapp_keys SET key_type = 'pre', key_id = 'key-7' WHERE key_id = '7'"
            ),
            "pre-key-7.json",
        ),
        (
            update(
                "UPDATE whatsapp_keys SET key_id = '120363000000000001@g.us--15550002222--0'"
                " WHERE key_id = '120363000000000001@g.us::15550002222::0'"
            ),
            "sender-key-120363000000000001@g.us--15550002222--0.json",
        ),
        (
            update(
                "INSERT INTO whatsapp_keys (company_id, key_type, key_id, value)"
                " VALUES ('962302', 'pre-key', '41', '1')"
            ),
            "pre-key-41.json",
        ),
        (
            update("UPDATE whatsapp_auth SET creds = jsonb_set(creds, '{nextPreKeyId}', '814')"),
            "creds.json",
        ),
        (update("INSERT INTO whatsapp_auth VALUES ('company_962302', '{}')"), "creds.json"),
        # Seen by no decoding: the names that were recorded against the rows' own.
        (
            update(
                "UPDATE whatsapp_import_files SET key_type = NULL, key_id = NULL WHERE key_id = '7'"
            ),
            "pre-key-7.json",
        ),
        (update("UPDATE whatsapp_imports SET key_count = key_count - 1"), "creds.json"),
        (write("pre-key-3.json", '{"private":1}'), "pre-key-3.json"),
        (write("pre-key-99.json", "{}"), "pre-key-99.json"),
        (write("notes.txt", "hello"), f"company_{COMPANY}/notes.txt"),
    ],
)
def test_the_proof_names_what_differs(
    conn: Connection, root: Path, change: Callable[[Connection, Path], None], named: str
) -> None:
    """One altered, lost, misfiled or added row or file is enough; counts would not tell."""
    import_id = stage(conn, root).import_id
    change(conn, root)
    proof = prove(conn, root, import_id)
    assert not proof.ok
    assert named in [mismatch.file for mismatch in proof.mismatches]


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda file: file.write_bytes(b" " + file.read_bytes()), "changed since"),
        (lambda file: file.unlink(), "is gone since"),
        (lambda file: file.with_name("pre-key-99.json").write_text("{}"), "was not there when"),
    ],
)
def test_the_files_are_those_that_were_imported(
    conn: Connection, root: Path, act: Callable[[Path], object], reason: str
) -> None:
    """Somebody writes there, though all is at rest; also where the value is the same still."""
    import_id = stage(conn, root).import_id
    act(root / f"company_{COMPANY}" / "pre-key-7.json")
    proof = prove(conn, root, import_id)
    assert any(reason in mismatch.reason for mismatch in proof.mismatches)


def test_values_that_jsonb_rewrites_are_still_equal(conn: Connection, root: Path) -> None:
    """Key order, numbers and the other spellings of Buffers come back in another form."""
    directory = root / f"company_{COMPANY}"
    (directory / "sender-key-memory-1@g.us.json").write_text(
        '{"zz":1.50,"a":1e3,"big":18446744073709551617,"tiny":1e-7,"neg":-0,"e":"\\u00e9\\\\n"}'
    )
    spellings = [
        {"type": "Buffer", "data": [1, 2, 255]},
        {"buffer": True, "data": "AQL/"},
        {str(index): index for index in range(12)},
    ]
    for number, spelling in enumerate(spellings, start=900):
        (directory / f"pre-key-{number}.json").write_text(json.dumps({"public": spelling}))
    assert prove(conn, root, stage(conn, root).import_id).ok
    stored = conn.execute("SELECT value FROM whatsapp_keys WHERE key_id IN ('900', '901')")
    assert stored.fetchall() == [({"public": {"type": "Buffer", "data": "AQL/"}},)] * 2


def test_a_proof_survives_setting_aside(conn: Connection, root: Path) -> None:
    """The switch renames the directory before it imports."""
    with scan_directory(str(root)) as scan:
        root.rename(root.with_name("aside"))
        import_id = importing.stage(conn, scan, COMPANY, ROLLOUT, HOST).import_id
    assert prove(conn, root.with_name("aside"), import_id).ok
