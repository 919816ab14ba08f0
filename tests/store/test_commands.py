"""The commands as an operator runs them: JSON lines, exit codes, and no secrets anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sessionstore.archive.sealed import verify_on_disk
from sessionstore.database.connection import Connection, connect
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import Tree
from sessionstore.errors import Refused
from sessionstore.importing import stage, states
from sessionstore.inspection.misfiled import WAY_ON
from sessionstore.judgement.activity import STOPPED, Activity
from sessionstore.removal import remove
from sessionstore.removal.second_proof import account_again
from sessionstore.scan.scan import scan_directory
from tests.age import new_identity

from .commands import PROJECT, run
from .conftest import MIGRATIONS
from .session_files import COMPANY, keys, write_company


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of session files."""
    write_company(tmp_path / "baileys_sessions")
    return tmp_path / "baileys_sessions"


def test_scan(root: Path) -> None:
    """One line a company, one a problem, one result."""
    code, events, _ = run("scan", str(root))
    assert code == 0
    assert [event["event"] for event in events] == ["company", "result"]
    assert events[0]["company"] == COMPANY and events[0]["keys"] == len(keys())
    files = list((root / f"company_{COMPANY}").iterdir())
    assert events[0]["bytes"] == sum(file.stat().st_size for file in files) == events[1]["bytes"]
    assert events[0]["newest"] == max(file.stat().st_mtime_ns for file in files)
    assert events[0]["by_type"]["pre-key"]["files"] == 40
    (root / f"company_{COMPANY}" / os.fsdecode(b"\xff\n")).write_text("")
    code, events, said = run("scan", str(root))
    assert code == 2 and events[-1]["outcome"] == "blocked"
    assert "name not UTF-8" in [event.get("kind") for event in events]
    assert "Traceback" not in said


def test_scan_as_a_table_for_people(root: Path) -> None:
    """Companies, types, sizes and times, and what is not understood, within 80 columns."""
    for number in range(7):
        (root / f"company_{COMPANY}" / f"strange\n{number}").write_text("")
    os.truncate(root / f"company_{COMPANY}" / "strange\n0", 1 << 30)
    done = subprocess.run(
        [sys.executable, "-m", "sessionstore", "scan", "--table", str(root)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 2 and max(map(len, lines)) <= 80
    assert lines[0] == f"company {COMPANY} in company_{COMPANY}"
    assert any(line.split()[:2] == ["pre-key", "40"] for line in lines)
    assert any(line.split()[:2] == ["all", str(len(keys()) + 8)] for line in lines)
    assert any(line.split()[:3] == ["unknown", "7", "1,073,741,824"] for line in lines)
    assert "unknown file: 7 (blocks)" in lines and "  … and 2 more" in lines


def test_a_company_is_given_by_its_bare_id(root: Path) -> None:
    """Rows under company_company_9 would never be found again."""
    code, _, said = run("scan", str(root), "--company", "company_9")
    assert code == 1 and "bare id" in said


def test_migrate_account_and_prove(empty_database: dict[str, str], root: Path) -> None:
    """From an empty database to a proven import, as separate commands."""
    schema = {"database": empty_database, "directory": MIGRATIONS}
    assert run("migrate", "plan", "--plan", "-", plan=schema)[0] == 2
    code, events, _ = run("migrate", "deploy", "--dry-run", "--plan", "-", plan=schema)
    assert (code, events[-1]["outcome"]) == (0, "rolled back")
    code, events, _ = run("migrate", "deploy", "--plan", "-", plan=schema)
    assert (code, events[-1]["outcome"], events[-1]["steps"]) == (0, "done", 7)
    code, events, _ = run("migrate", "plan", "--plan", "-", plan=schema)
    assert (code, events[-1]["outcome"]) == (0, "nothing to do")
    assert run("migrate", "verify", "--plan", "-", plan=schema)[0] == 0
    assert run("migrate", "revert", "--plan", "-", plan=schema)[0] == 1
    with connect(empty_database) as conn, scan_directory(str(root)) as scan:
        import_id = stage.stage(conn, scan, COMPANY, "r", "h").import_id
    plan = {
        "database": empty_database,
        "directory": str(root),
        "import_id": import_id,
        "kind": "live",
        "service": "stopped",
    }
    for command in ("prove", "account"):
        code, events, _ = run(command, "--plan", "-", plan=plan)
        assert code == 2 and "only staged" in json.dumps(events), "the next run may take it back"
    with connect(empty_database) as conn:
        states.activate(conn, import_id)
    code, events, _ = run("prove", "--plan", "-", plan=plan)
    assert (code, events[-1]["outcome"]) == (0, "proven")
    assert run("account", "--plan", "-", plan=plan)[0] == 0
    (root / f"company_{COMPANY}" / "pre-key-1.json").write_text("{}")
    code, events, _ = run("prove", "--plan", "-", plan=plan)
    assert (code, events[-1]["outcome"]) == (2, "not proven")
    code, events, _ = run("account", "--plan", "-", plan=plan)
    assert code == 2 and "pre-key-1.json" in events[0]["file"]


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    """Each ends with its exit code and without a traceback."""
    unreachable = {"host": "127.0.0.1", "port": 1, "dbname": "x", "password": "hunter2"}
    plan = {"database": unreachable, "directory": MIGRATIONS}
    for arguments, given, code in (
        (("scan", str(tmp_path / "nowhere")), None, 3),
        (("nonsense",), None, 1),
        ((), None, 1),
        (("migrate", "plan", "--plan", "-"), "text", 1),
        (("migrate", "plan", "--plan", "-"), {"database": {}}, 1),
        (("migrate", "plan", "--plan", "-"), plan, 1),
        (("archive", "check", "x", "--manifest", "y", "--identity", "z"), None, 1),
        (("archive", "prune", "x", "--keep-days", "inf", "--plan", "-"), plan, 1),
        (("archive", "prune", "x", "--keep-days", "nan", "--plan", "-"), plan, 1),
    ):
        found, events, said = run(*arguments, plan=given)
        assert found == code, arguments
        assert said.startswith("error: ") and "Traceback" not in said
        assert "hunter2" not in said + json.dumps(events)


@pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look into /proc")
def test_the_whole_way_of_a_directory(conn: Connection, root: Path, tmp_path: Path) -> None:
    """Imported, proven, archived, checked by whoever holds the identity, removed."""
    with scan_directory(str(root)) as scan:
        import_id = stage.stage(conn, scan, COMPANY, "r", "h").import_id
    states.activate(conn, import_id)
    identity = tmp_path / "identity"
    recipient = new_identity(identity)
    out = tmp_path / "archives"
    out.mkdir()
    where = ("--out", str(out), "--name", "sessions", "--recipient", recipient)
    code, events, _ = run("archive", "create", str(root), *where)
    assert (code, events[-1]["outcome"]) == (0, "archived")
    made, listing = events[-1]["archive"], events[-1]["manifest"]
    assert run("archive", "verify", made, "--manifest", listing)[0] == 0
    checked = run("archive", "check", made, "--manifest", listing, "--identity", str(identity))
    assert checked[0] == 0 and checked[1][-1]["files"] == len(keys()) + 1

    def objections(fd: int, tree: Tree) -> tuple[str, ...]:
        found = account_again(
            conn, fd, tree, root.name, "live", company_ids=[COMPANY], activity=Activity(STOPPED)
        )
        return () if found.decision.removable else found.decision.reasons

    manifest = verify_on_disk(made, listing)
    lost = "DELETE FROM whatsapp_keys WHERE key_type = 'session' AND key_id = '15550003333_128.99'"
    with closing(open_directory(str(tmp_path))) as parent:
        conn.execute("CREATE TABLE kept AS SELECT * FROM whatsapp_keys")
        conn.execute(lost.encode())
        with pytest.raises(Refused, match=r"session-15550003333_128\.99\.json"):
            remove.remove(parent, root.name, manifest=manifest, objections=objections)
        assert len(list(root.rglob("*.json"))) == len(keys()) + 1
        conn.execute("INSERT INTO whatsapp_keys SELECT * FROM kept ON CONFLICT DO NOTHING")
        report = remove.remove(parent, root.name, manifest=manifest, objections=objections)
    assert report.files == len(keys()) + 1 and report.freed > 0 and not root.exists()


def test_misfiled_rows_are_shown(conn: Connection, database: dict[str, str]) -> None:
    """With what each should be; none are there is said as plainly."""
    plan = {"database": database}
    assert run("misfiled", plan=plan)[0] == 0
    code, _, said = run("misfiled", "--company", "9", plan=plan)
    assert code == 3 and "no row of company 9" in said
    conn.execute("INSERT INTO whatsapp_auth (company_id, creds) VALUES ('9', '{}')")
    conn.execute("INSERT INTO whatsapp_keys VALUES ('9', 'pre', 'key-7', '1')")
    code, events, said = run("misfiled", "--company", "9", plan=plan)
    assert code == 2 and events[-1]["misfiled"] == 1
    assert (events[0]["right_type"], events[0]["right_id"]) == ("pre-key", "7")
    assert "(pre, key-7) which should be (pre-key, 7)" in said
    assert WAY_ON in " ".join(said.split())


def test_words_for_people_fit_the_screen(
    conn: Connection, database: dict[str, str], root: Path
) -> None:
    """Eighty columns, whatever a row or a directory is called."""
    wide = "a-name-of-a-company-as-wide-as-one-can-be-without-being-refused-1"[:64]
    conn.execute("INSERT INTO whatsapp_auth (company_id, creds) VALUES (%s, '{}')", [wide])
    row = "INSERT INTO whatsapp_keys VALUES (%s, 'app', 'state-sync-key-' || %s, '1')"
    conn.execute(row, [wide, "A" * 36])
    long = root.rename(root.with_name("baileys_sessions.backup.phase07.20251107_200734"))
    for command in (("misfiled",), ("scan", str(long)), ("explain", str(long))):
        _, _, said = run(*command, plan={"database": database})
        lines = [line for line in said.splitlines() if not line.startswith("/")]
        assert lines and max(map(len, lines)) <= 80, (command, said)


def test_a_mistyped_question_about_misfiled_rows_is_told(database: dict[str, str]) -> None:
    """ "Nothing to do" would be believed."""
    code, _, said = run("misfiled", "--company", "company_9", plan={"database": database})
    assert code == 1 and "bare id" in said


def test_an_empty_path_is_not_where_the_program_stands(database: dict[str, str]) -> None:
    """A variable that was not set, in a script that removes."""
    code, _, said = run("explain", "", plan={"database": database})
    assert code != 0 and "an empty text is no path" in said
    plan = {"database": database, "directory": "", "kind": "live"}
    code, _, said = run("account", "--plan", "-", plan=plan)
    assert code == 1 and "directory" in said and "a path" in said


def test_a_database_without_the_tables_is_told_with_what_brings_them(
    empty_database: dict[str, str],
) -> None:
    """The wrong dbname, most often."""
    for command in (("stats", "--plan", "-"), ("misfiled",)):
        code, _, said = run(*command, plan={"database": empty_database})
        assert code == 1 and "migrate deploy" in " ".join(said.split())


def test_columns_of_other_types_are_told_with_what_names_them(
    empty_database: dict[str, str],
) -> None:
    """Somebody's own tables of these names: the server's words alone lead nowhere."""
    with connect(empty_database) as conn:
        conn.execute("CREATE TABLE whatsapp_auth (company_id integer, creds json, updated_at date)")
        conn.execute(
            "CREATE TABLE whatsapp_keys (company_id integer, key_type text, key_id text,"
            " value text, updated_at timestamptz, expires_at date)"
        )
    code, _, said = run("stats", "--plan", "-", plan={"database": empty_database})
    assert code == 1 and "migrate plan" in said and "Traceback" not in said


def test_explain(conn: Connection, database: dict[str, str], root: Path) -> None:
    """One file, one directory: found, decided, why, and what would change it."""
    with scan_directory(str(root)) as scan:
        states.activate(conn, stage.stage(conn, scan, COMPANY, "r", "h").import_id)
    conn.execute("DELETE FROM whatsapp_keys WHERE key_type = 'pre-key' AND key_id = '7'")
    directory, plan = root / f"company_{COMPANY}", {"database": database, "service": "stopped"}
    code, (event,), said = run("explain", str(directory / "pre-key-7.json"), plan=plan)
    assert code == 2 and event["outcome"] == "unexplained" and not event["in_database"]
    assert (event["company"], event["key_type"], event["key_id"]) == (COMPANY, "pre-key", "7")
    assert "nextPreKeyId" in event["would_change"] and "would change it" in said
    assert all(len(line) <= 80 for line in said.splitlines()[1:])
    code, (event,), _ = run("explain", str(directory / "pre-key-8.json"), plan=plan)
    assert (code, event["outcome"], event["in_database"]) == (0, "equal", True)
    code, (event,), _ = run("explain", str(directory / "creds.json"), plan=plan)
    assert (code, event["outcome"], event["in_database"]) == (0, "equal", True)
    code, (event,), said = run("explain", str(root), plan=plan)
    assert code == 2 and event["outcome"] == "blocked"
    assert "pre-key-7.json" in event["reasons"][0] and "pre-key-7.json" in said
    (directory / "odd.txt").write_text("x")
    code, (event,), _ = run("explain", str(directory / "odd.txt"), plan=plan)
    assert code == 2 and "moving it out" in event["would_change"]
    assert run("explain", str(root / "nowhere"), plan=plan)[0] == 3
    (directory / "x.tar.zst.age").write_text("x")
    for path in ("x.tar.zst.age", "x.tar.zst.age/creds.json"):
        code, _, said = run("explain", str(directory / path), plan=plan)
        assert code == 3 and "archive extract" in said
    (directory / "x.tar.zst.age").unlink()
    for number in range(30):
        write_company(root, f"8{number}", pre_keys=1)
    code, (event,), said = run("explain", str(root), plan=plan)
    assert len(event["companies"]) == 31 and "… and 21 more companies" in said
    for number in range(30):
        shutil.rmtree(root / f"company_8{number}")
    (directory / "odd.txt").unlink()
    (directory / "pre-key-7.json").unlink()
    code, (event,), _ = run("explain", str(root), plan=plan)
    assert (code, event["outcome"]) == (0, "removable")


WITHOUT_DRIVER = """
import sys
sys.modules["psycopg"] = None
from sessionstore.commands.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_the_database_s_driver(root: Path, tmp_path: Path) -> None:
    """Whoever holds the identity checks archives where there is no libpq; the rest says what is missing."""

    def alone(*arguments: str, plan: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_DRIVER, *arguments]
        return subprocess.run(
            command, input=plan, capture_output=True, text=True, check=False, cwd=PROJECT
        )

    assert alone("scan", str(root)).returncode == 0
    assert alone("archive", "list", str(tmp_path)).returncode == 0
    asked = alone("stats", "--plan", "-", plan='{"database": {}}')
    assert asked.returncode == 1
    assert asked.stderr.startswith("error: libpq is missing here") and "apt-get" in asked.stderr


@pytest.mark.parametrize(
    ("words", "streams", "said"),
    [
        ("stats --plan -", "<&-", "standard input is not a JSON document"),
        (
            "archive check - --manifest /dev/null --identity /dev/null",
            "<&-",
            "cannot read the manifest",
        ),
        ("scan docs", "> /dev/full", "No space left on device"),
        ("nonsense", "> /dev/full", "invalid choice"),
        ("scan docs", "| true", ""),
    ],
)
def test_streams_that_are_closed_or_full(words: str, streams: str, said: str) -> None:
    """Cron jobs have closed ones, and a log lies on a disk that is full."""
    line = f"set -o pipefail; {sys.executable} -m sessionstore {words} {streams}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, cwd=PROJECT
    )
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert said in " ".join(done.stderr.split()), done.stderr
