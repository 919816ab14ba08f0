"""Import and removal by hand, as the operator of any Baileys service runs them."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sessionstore.archive import create
from sessionstore.commands.by_hand import BY_HAND
from sessionstore.database.connection import Connection
from sessionstore.disk.opening import closing, open_directory
from sessionstore.importing import stage
from sessionstore.scan.scan import scan_directory

from .commands import PROJECT, run
from .imports import rows, void
from .night import SIGKILL, at_step, ended, in_child, no_more_steps
from .session_files import COMPANY, keys, write_company

KILLS = 40 if os.environ.get("ROLLOUT_SOAK") else 4
EVERY = len(keys())
IMPORT = ("import", "--service-is-stopped", "--plan", "-")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look into /proc")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of session files."""
    write_company(tmp_path / "baileys_sessions")
    return tmp_path / "baileys_sessions"


@pytest.fixture
def plan(root: Path, conn: Connection, database: dict[str, str]) -> dict[str, Any]:
    """What both commands are given; the tables are there."""
    return {"database": database, "directory": str(root), "kind": "live", "service": "stopped"}


def test_an_import_is_proven_and_active(plan: dict[str, Any], conn: Connection) -> None:
    """One command: nothing is left staged, and a second run has nothing to do."""
    code, events, _ = run(*IMPORT, "--dry-run", plan=plan)
    assert code == 2 and events[-1]["outcome"] == "would be imported"
    assert rows(conn) == (0, 0, 0, 0)
    code, events, said = run(*IMPORT, plan=plan)
    assert code == 0 and [one["event"] for one in events] == ["proof", "company", "result"]
    assert events[0]["ok"] and events[1]["state"] == "active" and events[1]["key_count"] == EVERY
    assert "Never start a version that reads these files again" in said
    code, events, _ = run(*IMPORT, plan=plan)
    assert code == 0 and events[-1]["outcome"] == "nothing to do"
    conn.execute("DELETE FROM whatsapp_keys WHERE key_id = '7'")
    code, _, said = run(*IMPORT, plan=plan)
    assert code == 3 and "pre-key-7.json" in said and "is imported" not in said
    assert rows(conn)[1] == EVERY - 1, "what the service consumed stays consumed"


def test_files_without_a_directory_of_their_own(
    plan: dict[str, Any], root: Path, conn: Connection
) -> None:
    """Baileys' own example keeps one company flat; whose files they are has to be said."""
    flat = {**plan, "directory": str((root / f"company_{COMPANY}").rename(root / "auth_info"))}
    code, _, said = run(*IMPORT, plan=flat)
    assert code == 3 and '"companies"' in said
    assert run(*IMPORT, plan={**flat, "companies": [COMPANY]})[0] == 0
    assert rows(conn)[:2] == (1, EVERY)


def test_who_imports_says_that_the_service_is_stopped(plan: dict[str, Any]) -> None:
    """Files that are written during an import are imported half old, half new."""
    code, _, said = run("import", "--plan", "-", plan=plan)
    assert code == 1 and "--service-is-stopped" in said


def test_what_a_process_holds_is_not_imported(
    plan: dict[str, Any], root: Path, conn: Connection
) -> None:
    """Somebody is at work there, whatever was said."""
    with subprocess.Popen(["sleep", "60"], cwd=root / f"company_{COMPANY}") as process:
        code, _, said = run(*IMPORT, plan=plan)
        process.kill()
    assert code == 3 and "sleep" in said and rows(conn) == (0, 0, 0, 0)


def test_a_company_of_another_import_is_refused(
    plan: dict[str, Any], root: Path, conn: Connection
) -> None:
    """Files are evidence then, never input."""
    with scan_directory(str(root)) as scan:
        stage.stage(conn, scan, COMPANY, "a rollout", "wa-1")
    before = rows(conn)
    code, _, said = run(*IMPORT, plan=plan)
    assert code == 3 and "has this company already" in said and rows(conn) == before


def test_a_refusal_changes_nothing_of_the_other_companies_either(
    plan: dict[str, Any], root: Path, conn: Connection
) -> None:
    """Exit code 3 says so, and the old service may be started on what it believes."""
    directory = write_company(root, "999", registrationId=999)
    (directory / "pre-key-7.json").write_text('{"half')
    code, _, said = run(*IMPORT, plan=plan)
    assert code == 3 and "importing company 962302" in said and "company_999" in said
    assert rows(conn)[:2] == (0, 0)
    assert conn.execute("SELECT state FROM whatsapp_imports").fetchall() == [("withdrawn",)]
    (directory / "pre-key-7.json").unlink()
    assert run(*IMPORT, plan=plan)[0] == 0


def test_rows_that_come_out_otherwise_are_taken_for_no_import(
    plan: dict[str, Any], root: Path, conn: Connection
) -> None:
    """A second writer changes a row: told, never active, and no file is touched."""
    files = {path.name: path.read_bytes() for path in (root / f"company_{COMPANY}").iterdir()}
    change = "UPDATE whatsapp_keys SET value = '{}' WHERE key_type = 'pre-key' AND key_id = '7'"
    at_step("importing.proof.prove", "call", 1, lambda: void(conn.execute(change)))
    try:
        code, events, said = run(*IMPORT, plan=plan)
    finally:
        no_more_steps()
    assert code == 3 and not events[0]["ok"] and "pre-key-7.json" in said
    assert {one.name: one.read_bytes() for one in (root / f"company_{COMPANY}").iterdir()} == files
    assert conn.execute("SELECT state FROM whatsapp_imports").fetchall() == [("staged",)]


def test_what_a_killed_run_left_staged_is_made_anew(
    plan: dict[str, Any], root: Path, conn: Connection
) -> None:
    """Killed between two companies' activations: the one stays, the other is imported anew."""
    write_company(root, "77", registrationId=77)
    assert run(*IMPORT, plan={**plan, "companies": ["77"]})[0] == 0
    with scan_directory(str(root)) as scan:
        stage.stage(conn, scan, COMPANY, BY_HAND, socket.gethostname())
    code, events, said = run(*IMPORT, "--dry-run", plan=plan)
    assert code == 2 and events[-1]["outcome"] == "would be imported"
    assert f"{COMPANY} was left staged" in said
    assert run(*IMPORT, plan=plan)[0] == 0
    states = conn.execute("SELECT company_id, state FROM whatsapp_imports ORDER BY 1").fetchall()
    assert states == [("77", "active"), (COMPANY, "active")]


def test_what_the_service_wrote_since_an_import_stays(
    plan: dict[str, Any], root: Path, conn: Connection
) -> None:
    """It runs on the database by now: the one company is refused, the others can still be named."""
    write_company(root, "77", registrationId=77)
    assert run(*IMPORT, plan={**plan, "companies": ["77"]})[0] == 0
    conn.execute("UPDATE whatsapp_keys SET value = '{}' WHERE company_id = '77'")
    code, _, said = run(*IMPORT, plan=plan)
    assert code == 3 and '"companies"' in said and rows(conn)[0] == 1
    code, events, said = run(*IMPORT, plan={**plan, "companies": [COMPANY]})
    assert code == 0 and events[-1]["left"] == ["77"] and "Left alone" in said
    moved = conn.execute(
        "SELECT count(*) FROM whatsapp_keys WHERE company_id = '77' AND value = '{}'"
    ).fetchone()
    assert moved == (EVERY,)


def test_an_import_that_was_killed_before_it_was_active_proves_nothing(
    plan: dict[str, Any],
    root: Path,
    conn: Connection,
    tmp_path: Path,
    age_identity: tuple[str, str],
) -> None:
    """Committed, not active: no directory goes for it, and no other files take it back."""

    def killed() -> None:
        at_step("importing.states.activate", "call", 1, lambda: os.kill(os.getpid(), SIGKILL))
        run(*IMPORT, plan=plan)

    assert ended(in_child(killed)) == -SIGKILL
    record = conn.execute("SELECT import_id::text, state FROM whatsapp_imports").fetchone()
    assert record and record[1] == "staged" and rows(conn)[:2] == (1, EVERY)
    with closing(open_directory(str(root))) as fd:
        made = create.create(fd, str(tmp_path), "old", [age_identity[1]])
    remove = ("remove", "--archive", made.archive, "--manifest", made.manifest)
    for command, expected in ((("account",), 2), (("prove",), 2), (remove, 3)):
        code, events, said = run(*command, "--plan", "-", plan={**plan, "import_id": record[0]})
        assert code == expected and "only staged" in said + json.dumps(events)
    kept = root.rename(tmp_path / "kept")
    write_company(root, pre_keys=30)
    code, _, said = run(*IMPORT, plan=plan)
    assert code == 3 and "pre-key-31.json" in said and rows(conn)[:2] == (1, EVERY)
    shutil.rmtree(root)
    kept.rename(root)
    assert run(*IMPORT, plan=plan)[0] == 0
    assert conn.execute("SELECT state FROM whatsapp_imports").fetchall() == [("active",)]
    assert run(*remove, "--plan", "-", plan=plan)[0] == 0 and not root.exists()


def test_a_killed_import_is_made_anew(plan: dict[str, Any], conn: Connection) -> None:
    """At random instants: the next run ends with every key, imported once."""
    command = [sys.executable, "-m", "sessionstore", *IMPORT]
    started = time.monotonic()
    assert _import_elsewhere(command, plan, None) == 0
    took = time.monotonic() - started
    for _ in range(KILLS):
        conn.execute("TRUNCATE whatsapp_keys, whatsapp_auth, whatsapp_imports CASCADE")
        conn.execute("TRUNCATE whatsapp_import_files")
        _import_elsewhere(command, plan, random.uniform(0.2, 1.0) * took)
        # A killed client's transaction ends when the server sees that it is gone.
        conn.execute("SELECT pg_sleep(0.2)")
        code, _, said = run(*IMPORT, plan=plan)
        assert code == 0, said
        assert rows(conn) == (1, EVERY, 1, EVERY + 1)
        assert conn.execute("SELECT state FROM whatsapp_imports").fetchall() == [("active",)]


def _import_elsewhere(command: list[str], plan: object, seconds: float | None) -> int | None:
    try:
        done = subprocess.run(
            command,
            input=json.dumps(plan).encode(),
            capture_output=True,
            cwd=PROJECT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None  # It was killed.
    return done.returncode


@pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")
def test_a_removal_is_proven_first(
    plan: dict[str, Any],
    root: Path,
    conn: Connection,
    tmp_path: Path,
    age_identity: tuple[str, str],
) -> None:
    """Imported, archived, removed; one row that went back keeps all of it."""
    assert run(*IMPORT, plan=plan)[0] == 0
    with closing(open_directory(str(root))) as fd:
        made = create.create(fd, str(tmp_path), "old", [age_identity[1]])
    remove = ("remove", "--archive", made.archive, "--manifest", made.manifest, "--plan", "-")
    value = conn.execute("SELECT value FROM whatsapp_keys WHERE key_id = '7'").fetchone()
    conn.execute("UPDATE whatsapp_keys SET value = '{}' WHERE key_id = '7'")
    code, _, said = run(*remove, plan=plan)
    assert code == 3 and "pre-key-7.json" in said and len(list(root.rglob("*.json"))) == EVERY + 1
    conn.execute("UPDATE whatsapp_keys SET value = %s WHERE key_id = '7'", [json.dumps(value[0])])  # type: ignore[index]
    code, events, _ = run(*remove, "--dry-run", plan=plan)
    assert code == 2 and events[-1]["outcome"] == "may go" and root.exists()
    code, events, _ = run(*remove, plan=plan)
    assert code == 0 and events[-1]["files"] == EVERY + 1 and not root.exists()
    code, _, said = run(*remove, plan=plan)
    assert code == 3 and "Traceback" not in said
    Path(made.archive).write_bytes(b"damaged")
    assert run(*remove, plan=plan)[0] == 1


def test_a_host_offers_neither() -> None:
    """There a rollout moves and removes, and stops the service for it."""
    from sessionstore.commands import cli

    for command in ("import", "remove"):
        assert cli.main([command, "--help"], "baileys-hostswitch store") == 1
