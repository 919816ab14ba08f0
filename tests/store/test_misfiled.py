"""Rows of importers that split names wrongly, in a real database."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from sessionstore.database.connection import Connection
from sessionstore.inspection.misfiled import FIRST_DASH, find, judge, right_name
from sessionstore.keys.names import Key, encode

from ..unit.sessionstore.test_grammar import keys as any_keys
from .session_files import COMPANY, credentials, keys


def put(conn: Connection, row: Key, value: object, company_id: str = COMPANY) -> None:
    """Write a row as an importer does, under whatever name."""
    conn.execute(
        "INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES (%s, %s, %s, %s)",
        [company_id, row.key_type, row.key_id, Jsonb(value)],
    )


def first_dash(key: Key) -> Key:
    """What the importer in the wild made of a key: /^(.+?)-(.+)\\.json$/ of its file name."""
    key_type, _, key_id = encode(key)[: -len(".json")].partition("-")
    return Key(key_type, key_id)


def import_wrongly(conn: Connection, company_id: str = COMPANY) -> dict[Key, object]:
    """A company as that importer left it."""
    conn.execute(
        "INSERT INTO whatsapp_auth (company_id, creds) VALUES (%s, %s)",
        [company_id, Jsonb(credentials())],
    )
    for key, value in keys().items():
        put(conn, first_dash(key), value, company_id)
    return keys()


def test_a_first_dash_import_is_found_row_by_row(conn: Connection) -> None:
    """Its own check compared counts and passed, with most keys unreachable."""
    right = import_wrongly(conn)
    (company,) = find(conn)
    assert company.company_id == COMPANY and not company.unknown
    assert {one.right for one in company.misfiled} == {
        key for key in right if first_dash(key) != key
    }
    assert company.by_cause[FIRST_DASH] > 40
    assert find(conn, ["999"]) == []
    assert find(conn, [COMPANY]) == [company]


def test_both_spellings_of_a_company_are_looked_at(conn: Connection) -> None:
    """Rows of company_962302 are met in the wild too."""
    import_wrongly(conn, f"company_{COMPANY}")
    assert [one.company_id for one in find(conn, [COMPANY])] == [f"company_{COMPANY}"]


def test_rows_of_another_make_are_named_and_left_alone(conn: Connection) -> None:
    """A fork's own key type is no mistake of an importer."""
    conn.execute("ALTER TABLE whatsapp_keys DROP CONSTRAINT whatsapp_keys_company")
    put(conn, Key("of-a-fork", "1"), 1)
    (company,) = find(conn)
    assert company.unknown == (Key("of-a-fork", "1"),) and not company.misfiled


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(any_keys, max_size=40, unique=True), st.data())
def test_the_query_lets_no_misfiled_row_slip(
    conn: Connection, right: list[Key], data: st.DataObject
) -> None:
    """It reads only suspects, so what it leaves out must be right by the grammar."""
    rows = set()
    for key in right:
        stem = encode(key)[: -len(".json")]
        dashes = [i for i, char in enumerate(stem) if char == "-"]
        dash = data.draw(st.sampled_from(dashes))
        rows |= {key, Key(stem[:dash], stem[dash + 1 :])}
    with conn.transaction(force_rollback=True):
        conn.execute("ALTER TABLE whatsapp_keys DROP CONSTRAINT whatsapp_keys_company")
        for row in rows:
            put(conn, row, 1)
        found = {one.row for company in find(conn) for one in company.misfiled}
    assert found == {row for row in rows if judge(row)}


def write_correction(
    database: dict[str, str], file: Path, *options: str
) -> tuple[int, list[dict[str, Any]]]:
    """Run ``misfiled --plan FILE``; gives exit code and events."""
    done = subprocess.run(
        [sys.executable, "-m", "sessionstore", "misfiled", "--plan", str(file), *options],
        input=json.dumps({"database": database}),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def everything(conn: Connection) -> set[tuple[object, ...]]:
    """All keys with their values and times."""
    return set(
        conn.execute(
            "SELECT company_id, key_type, key_id, value::text, created_at, updated_at"
            "  FROM whatsapp_keys"
        ).fetchall()
    )


def test_the_correction_puts_every_key_where_the_service_looks(
    conn: Connection, database: dict[str, str], tmp_path: Path
) -> None:
    """Run for real: every key under its own name, its value and its times as they were."""
    with conn.transaction():
        right = import_wrongly(conn)
    before = everything(conn)
    code, events = write_correction(database, tmp_path / "fix.sql")
    assert code == 0, events
    assert everything(conn) == before, "writing the plan changes nothing"
    assert (tmp_path / "fix.sql").stat().st_mode & 0o777 == 0o600
    conn.execute((tmp_path / "fix.sql").read_bytes())
    after = everything(conn)
    assert {(Key(str(row[1]), str(row[2])), row[3:]) for row in after} == {
        (right_name(Key(str(row[1]), str(row[2]))), row[3:]) for row in before
    }
    assert {Key(str(row[1]), str(row[2])) for row in after} == set(right)
    assert find(conn) == []
    kept = conn.execute(f"SELECT count(*) FROM {events[-1]['backup']}".encode()).fetchone()
    assert kept == (events[-1]["rows"],)
    undo = (tmp_path / "fix.sql").read_text().partition("-- To undo it")[2].splitlines()[1:]
    conn.execute("\n".join(line.removeprefix("-- ") for line in undo).encode())
    assert everything(conn) == before


def test_a_correction_refuses_once_the_rows_have_moved(
    conn: Connection, database: dict[str, str], tmp_path: Path
) -> None:
    """Days may lie between writing and running it, and a service in between."""
    with conn.transaction():
        import_wrongly(conn)
    assert write_correction(database, tmp_path / "fix.sql")[0] == 0
    for change in (
        "UPDATE whatsapp_keys SET value = '2' WHERE key_id = '15550002222.0'",
        "DELETE FROM whatsapp_keys WHERE key_id = 'key-7'",
        "INSERT INTO whatsapp_keys VALUES ('962302', 'pre-key', '7', '1')",
    ):
        with conn.transaction(force_rollback=True):
            conn.execute(change.encode())
            before = everything(conn)
            script = (tmp_path / "fix.sql").read_text()
            body = script.replace("\nBEGIN;", "").replace("\nCOMMIT;", "")
            with pytest.raises(psycopg.errors.RaiseException, match="refused"), conn.transaction():
                conn.execute(body.encode())
            assert everything(conn) == before
    conn.execute((tmp_path / "fix.sql").read_bytes())
    with pytest.raises(psycopg.Error):
        conn.execute((tmp_path / "fix.sql").read_bytes())
    conn.execute("ROLLBACK")
    assert find(conn) == []


def test_a_row_by_row_importer_is_believed_only_within_its_time(
    conn: Connection, database: dict[str, str], tmp_path: Path
) -> None:
    """Rows it filed rightly lie around the misfiled ones; the operator says when it ran."""
    import_wrongly(conn)
    code, events = write_correction(database, tmp_path / "fix.sql")
    assert code == 3 and "--import-began" in events[-1]["error"]
    assert not (tmp_path / "fix.sql").exists()
    times = conn.execute("SELECT now() - interval '5 min', now()").fetchone()
    assert times
    began, ended = (time.isoformat() for time in times)  # type: ignore[attr-defined]
    options = ("--import-began", began, "--import-ended", ended)
    code, events = write_correction(database, tmp_path / "fix.sql", *options)
    assert code == 0, events
    conn.execute((tmp_path / "fix.sql").read_bytes())
    assert find(conn) == []


def test_what_the_service_has_used_is_not_corrected(
    conn: Connection, database: dict[str, str], tmp_path: Path
) -> None:
    """It found its pre-keys missing and made new ones: the importer's are older than those."""
    with conn.transaction():
        import_wrongly(conn)
        import_wrongly(conn, "8")
    put(conn, Key("pre-key", "813"), 1)
    conn.execute(
        "UPDATE whatsapp_auth SET creds = creds || '{\"nextPreKeyId\": 814}' WHERE company_id = %s",
        [COMPANY],
    )
    code, events = write_correction(database, tmp_path / "fix.sql")
    offers = {event["company"]: event for event in events if event["event"] == "correction"}
    assert code == 2 and offers["8"]["offered"] and not offers[COMPANY]["offered"]
    reasons = " ".join(offers[COMPANY]["reasons"])
    assert "(pre-key, 813) was not written by that importer" in reasons
    assert "the credentials were saved again" in reasons
    conn.execute((tmp_path / "fix.sql").read_bytes())
    assert [company.company_id for company in find(conn)] == [COMPANY]
