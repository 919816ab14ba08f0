"""Names of files, directories and rows that mean something to a terminal, a shell or SQL.

Through every command: what it says can be shown as it is, and the program's own lines stay whole.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sessionstore.database.connection import Connection
from sessionstore.importing import stage, states
from sessionstore.scan.scan import scan_directory
from tests.postgres import client_programs

from .commands import PROJECT, run
from .session_files import COMPANY, write_company
from .trees import NAMES, contents

pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")
HOSTILE = "sess\x1b]0;owned\x07\n\u202eions'; DROP TABLE whatsapp_keys; --"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with such a name, with such directories and files in it."""
    root = tmp_path / HOSTILE
    company = write_company(root, pre_keys=2)
    for number, name in enumerate(NAMES):
        (company / name).write_text(str(number))
        inner = root / "more" / name
        inner.mkdir(parents=True)
        (inner / "pre-key-1.json").write_text("{}")
    return root


def told(code: int, *arguments: str, plan: object = None) -> list[dict[str, object]]:
    """Run a command that must end so; its events, once all that it said was looked at."""
    found, events, said = run(*arguments, plan=plan)
    assert found == code, (arguments, said)
    assert_harmless(said)
    return events


def assert_harmless(text: str) -> None:
    """Nothing moves a cursor, rings, hides text, or ends a line that the program did not end."""
    bad = {character for character in text if not character.isprintable()} - {"\n"}
    assert not bad, f"{bad}: {text}"
    assert "\nions" not in text and "\nline.json" not in text


def test_reading_and_deciding(root: Path, conn: Connection, database: dict[str, str]) -> None:
    """What blocks is named: an operator reads it in a terminal, a program line by line."""
    events = told(2, "scan", str(root))
    unknown = {name for name in NAMES if not name.startswith(".")}
    assert {f"company_{COMPANY}/{name}" for name in unknown} <= {one.get("where") for one in events}
    code, _, said = run("explain", str(root), plan={"database": database})
    assert code == 2
    assert_harmless(said)
    plan = {"database": database, "directory": str(root), "kind": "live", "import_id": "0" * 32}
    told(2, "account", "--plan", "-", plan=plan)
    told(3, "prove", "--plan", "-", plan=plan)
    for name in NAMES:
        artefact = name.startswith(".")  # it stays in the archive
        file = str(root / f"company_{COMPANY}" / name)
        asked = {"database": database, "service": "database"}
        told(0 if artefact else 2, "explain", file, plan=asked)
        told(2, "explain", str(root / "more" / name), plan={"database": database})
    told(3, "scan", str(root / "\x1b[2Jnowhere\n"))
    told(1, "scan", "--company", "\x1b[2J\n9", str(root))
    told(1, "\x1b[2J\nnonsense")
    told(1, "scan", str(root), "\x1b[2J\nnonsense")
    told(1, "misfiled", "--company", "\x1b[2J\nnonsense")
    told(1, "archive", "prune", "--keep-days", "\x1b[2J\n9", "--plan", "-", str(root))


def test_as_a_table(root: Path) -> None:
    """The table is made for people."""
    told_to_people = shown("scan", "--table", str(root))
    assert_harmless(told_to_people)
    assert "unknown file" in told_to_people


def shown(*arguments: str, plan: object = None) -> str:
    """What a command shows on a terminal, both streams."""
    done = subprocess.run(
        [sys.executable, "-m", "sessionstore", *arguments],
        input=json.dumps(plan).encode(),
        capture_output=True,
        check=False,
        cwd=PROJECT,
    )
    return (done.stdout + done.stderr).decode()


def test_archiving_and_extracting(
    root: Path, tmp_path: Path, age_identity: tuple[str, str], database: dict[str, str]
) -> None:
    """Under the same names again, each with its own content."""
    out = tmp_path / "out"
    out.mkdir()
    where = ("--out", str(out), "--recipient", age_identity[1])
    (made,) = told(0, "archive", "create", str(root), "--name", HOSTILE, *where)
    paths = (str(made["archive"]), "--manifest", str(made["manifest"]))
    told(0, "archive", "verify", *paths)
    told(0, "archive", "check", *paths, "--identity", age_identity[0])
    back = ("--identity", age_identity[0], "--to", str(tmp_path / "back\n\x1b[2J"))
    told(0, "archive", "extract", *paths, *back)
    assert contents(tmp_path / "back\n\x1b[2J") == contents(root)
    told(3, "archive", "extract", *paths, *back)
    told(0, "archive", "list", str(out), "--verify")
    prune = ("archive", "prune", str(out), "--keep-days", "1", "--plan", "-")
    told(0, *prune, plan={"database": database})
    (root / "more" / NAMES[0] / "new").symlink_to("x")
    told(1, "archive", "create", str(root), "--name", "again", *where)
    Path(str(made["archive"])).write_text("damaged")
    told(1, "archive", "verify", *paths)
    told(2, "archive", "list", str(out))
    told(1, "archive", "create", str(root), "--name", "..", *where)
    told(1, "archive", "create", str(root), "--name", "a\n/\x1b", *where)


def test_rows_with_such_names(
    conn: Connection, database: dict[str, str], tmp_path: Path, age_identity: tuple[str, str]
) -> None:
    """Whoever writes to a company's session can choose ids."""
    write_company(tmp_path / "sessions", pre_keys=2)
    with scan_directory(str(tmp_path / "sessions")) as scan:
        states.activate(conn, stage.stage(conn, scan, COMPANY, "r", "h").import_id)
    storable = [name for name in NAMES if name.isascii() or "é" in name]
    bad = "9\n; DROP TABLE whatsapp_auth; -- \x1b[2J"
    with conn.transaction():
        conn.execute("INSERT INTO whatsapp_auth VALUES (%s, '{}')", [bad])
        names = [
            ("pre", "key-7"),
            *((sort, f"key-{one}") for one in storable for sort in ("pre", one)),
        ]
        for row in names:
            conn.execute("INSERT INTO whatsapp_keys VALUES (%s, %s, %s, '1')", [bad, *row])
    plan = {"database": database}
    told(2, "misfiled", plan=plan)
    told(1, "misfiled", "--company", bad, plan=plan)
    code, events, said = run("stats", "--record", "--plan", "-", plan=plan)
    assert code == 0 and bad in [event.get("company") for event in events]
    assert_harmless(said)
    in_a_table = shown("stats", "--table", "--plan", "-", plan=plan)
    assert_harmless(in_a_table)
    assert "company 9" in in_a_table
    (tmp_path / "out").mkdir()
    where = ("--out", str(tmp_path / "out"), "--recipient", age_identity[1], "--name", "b\n\x1b")
    programs = ("--programs", str(client_programs()))
    (made,) = told(0, "backup", "create", *where, *programs, "--plan", "-", plan=plan)
    paths = (str(made["backup"]), "--manifest", str(made["manifest"]))
    told(0, "backup", "check", *paths, "--identity", age_identity[0], *programs, "--plan", "-",
         plan=plan)  # fmt: skip
