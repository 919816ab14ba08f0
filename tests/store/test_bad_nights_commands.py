"""The database goes away in the middle of a command: one sentence, and the next run ends as ever."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sessionstore.database.connection import Connection
from sessionstore.errors import LockHeld
from sessionstore.importing import stage, states
from sessionstore.scan.scan import scan_directory
from tests.postgres import client_programs

from .commands import run
from .proxy import Proxy
from .session_files import COMPANY, write_company

pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")
CUTS = 100 if os.environ.get("ROLLOUT_SOAK") else 6
COMMANDS = ("stats", "backup", "backup check", "misfiled", "account", "prove", "explain", "prune")


@pytest.fixture
def place(tmp_path: Path, conn: Connection, age_identity: tuple[str, str]) -> Path:
    """A directory that was imported, archived and backed up; a misfiled row."""
    root = write_company(tmp_path / "sessions", pre_keys=3).parent
    with scan_directory(str(root)) as scan:
        made = stage.stage(conn, scan, COMPANY, "r", "h")
        states.activate(conn, made.import_id)
    (tmp_path / "import").write_text(made.import_id)
    conn.execute("INSERT INTO whatsapp_auth VALUES ('9', '{}')")
    conn.execute("INSERT INTO whatsapp_keys VALUES ('9', 'pre', 'key-7', '1')")
    (tmp_path / "out").mkdir()
    (tmp_path / "identity").write_bytes(Path(age_identity[0]).read_bytes())
    where = ("--out", str(tmp_path / "out"), "--recipient", age_identity[1])
    assert run("archive", "create", str(root), "--name", "sessions", *where)[0] == 0
    (tmp_path / "recipient").write_text(age_identity[1])
    return tmp_path


def asked(place: Path, command: str, number: int) -> tuple[list[str], dict[str, Any]]:
    """A command's words, and its plan without the database."""
    out, programs = str(place / "out"), ["--programs", str(client_programs())]
    root, import_id = str(place / "sessions"), (place / "import").read_text()
    recipient = ["--recipient", (place / "recipient").read_text()]
    backup = f"{out}/made"
    listing = ["--manifest", f"{backup}.backup.json", "--identity", str(place / "identity")]
    words = {
        "stats": ["stats", "--record"],
        "backup": ["backup", "create", "--out", out, "--name", f"b{number}", *recipient, *programs],
        "backup check": ["backup", "check", f"{backup}.dump.zst.age", *listing, *programs],
        "misfiled": ["misfiled"],
        "account": ["account"],
        "prove": ["prove"],
        "explain": ["explain", root],
        "prune": ["archive", "prune", out, "--keep-days", "30"],
    }[command]
    plan = {"directory": root, "kind": "live", "service": "stopped", "companies": [COMPANY]}
    plan["import_id"] = import_id
    takes = [] if command in ("misfiled", "explain") else ["--plan", "-"]
    return [*words, *takes], plan if command in ("account", "prove") else {}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_database_goes_away_in_the_middle(
    place: Path, database: dict[str, str], conn: Connection, command: str
) -> None:
    """At every statement: told as that, and nothing half done is left under a real name."""
    if command == "backup check":
        words, _ = asked(place, "backup", 0)
        words[words.index("b0")] = "made"
        assert run(*words, plan={"database": database})[0] == 0

    def attempt(settings: dict[str, str], number: int) -> tuple[int, str]:
        words, plan = asked(place, command, number)
        code, _, said = run(*words, plan={**plan, "database": settings})
        assert "Traceback" not in said
        return code, said

    usual, sent = through(database, lambda settings: attempt(settings, 0)[0])
    cuts = 0
    for number in range(1, sent, max(1, sent // CUTS)):
        with Proxy(database) as proxy:
            proxy.cut_at(number)
            proxy.stay_down()
            code, said = attempt(proxy.settings, number)
        if not proxy.cuts:  # it needed fewer packets than the first time
            continue
        cuts += 1
        assert code == 1, (number, code, said)
        assert "connect" in said and "\nerror: " in f"\n{said}", (number, said)
        assert not [one for one in (place / "out").iterdir() if "partial" in one.name]
        assert settled(partial(attempt, database, number)) == usual
    assert cuts
    left = "SELECT datname FROM pg_database WHERE datname LIKE 'rollout_check%'"
    assert conn.execute(left).fetchall() == []


def settled(act: Callable[[], tuple[int, str]]) -> int:
    """Do something; again while the server has not seen yet that the one before it is gone."""
    for _ in range(100):
        code, _ = act()
        if code != LockHeld.code:
            break
        time.sleep(0.1)
    return code


def through(database: dict[str, str], act: Callable[[dict[str, str]], int]) -> tuple[int, int]:
    """Do something by way of a proxy; its answer, and how often the client sent something."""
    with Proxy(database) as proxy:
        return act(proxy.settings), proxy.sent
