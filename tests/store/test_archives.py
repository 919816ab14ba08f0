"""Archives on the shelf: listed, extracted, and pruned only where their companies are safe."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any, LiteralString

import pytest

from sessionstore.database.connection import Connection
from sessionstore.importing import stage, states
from sessionstore.scan.scan import scan_directory
from tests.age import new_identity
from tests.dated import date_back

from .commands import run
from .session_files import COMPANY, credentials, dump, pair, write_company

pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Archives of two companies and of a flat directory, dated back 200 days."""
    recipient = new_identity(tmp_path / "identity")
    for name, company in (("sessions", COMPANY), ("other", "777"), ("flat", "5")):
        write_company(tmp_path / name, company, pre_keys=2)
    (tmp_path / "flat" / "company_5").rename(tmp_path / "test_auth")
    place = tmp_path / "archives" / "rollout-1"
    place.mkdir(parents=True)
    for name in ("sessions", "other", "test_auth"):
        dated_archive(tmp_path / name, place, recipient)
    return tmp_path / "archives"


def dated_archive(directory: Path, place: Path, recipient: str) -> None:
    """Archive a directory, as if long ago."""
    where = ("--out", str(place), "--name", directory.name, "--recipient", recipient)
    assert run("archive", "create", str(directory), *where)[0] == 0
    listing = place / f"{directory.name}.manifest.jsonl"
    date_back(listing)


def left(shelf: Path) -> set[str]:
    """Archives that are there."""
    return {path.name.partition(".")[0] for path in shelf.rglob("*.age")}


@pytest.fixture
def shelf_of_imported(shelf: Path, conn: Connection) -> Path:
    """The same; what the archive of company 962302 holds was imported, and runs."""
    with scan_directory(str(shelf.parent / "sessions")) as scan:
        states.activate(conn, stage.stage(conn, scan, COMPANY, "r", "h").import_id)
    return shelf


def test_list_and_extract(shelf: Path, tmp_path: Path) -> None:
    """What is kept, how old, and back again."""
    code, events, said = run("archive", "list", str(shelf), "--verify")
    assert code == 0 and [event.get("name") for event in events[:-1]] == [
        "other",
        "sessions",
        "test_auth",
    ]
    assert events[1]["companies"] == [COMPANY] and events[1]["state"] == "whole"
    assert events[2]["nameless"] and events[0]["age_days"] > 1000 and "sessions" in said
    given = (
        events[1]["archive"],
        *("--manifest", events[1]["manifest"], "--identity", str(tmp_path / "identity")),
    )
    code, events, _ = run("archive", "extract", *given, "--to", str(tmp_path / "back"))
    assert (code, events[-1]["outcome"]) == (0, "extracted")
    assert (tmp_path / "back" / f"company_{COMPANY}" / "creds.json").exists()
    assert run("archive", "extract", *given, "--to", str(tmp_path / "back"))[0] == 3
    (shelf / "rollout-1" / "sessions.tar.zst.age").unlink()
    code, events, _ = run("archive", "list", str(shelf))
    assert code == 2 and events[1]["state"] == "missing"


def test_prune_spares_what_the_database_lacks(
    shelf_of_imported: Path, conn: Connection, database: dict[str, str]
) -> None:
    """Time alone deletes nothing; the manifest of what went is kept, with the reason."""
    conn.execute("INSERT INTO whatsapp_auth VALUES ('777', '{}')")  # paired anew: not what is kept
    command = ("archive", "prune", str(shelf_of_imported), "--plan", "-", "--keep-days")
    plan = {"database": database}
    assert run(*command, "0", plan=plan)[0] == 1
    assert run(*command, "100000", plan=plan)[1][-1]["pruned"] == 0
    code, events, _ = run(*command, "30", "--dry-run", plan=plan)
    assert (code, events[-1]["outcome"], left(shelf_of_imported)) == (
        2,
        "would prune",
        {"sessions", "other", "test_auth"},
    )
    relied_on = str(shelf_of_imported / "rollout-1" / "sessions.tar.zst.age")
    assert run(*command, "30", plan={**plan, "in_use": [relied_on]})[1][-1]["pruned"] == 0
    code, events, said = run(*command, "30", plan=plan)
    assert (code, events[-1]["pruned"]) == (0, 1)
    assert left(shelf_of_imported) == {"other", "test_auth"}
    assert "creds.json of company 777 was not imported" in said and "whose session files" in said
    code, events, _ = run("archive", "list", str(shelf_of_imported))
    state = {event["name"]: (event["state"], event["detail"]) for event in events[:-1]}
    assert state["sessions"][0] == "pruned" and "in the database" in state["sessions"][1]
    assert code == 0 and run(*command, "30", plan=plan)[1][-1]["outcome"] == "nothing to do"


PRUNE = ("--plan", "-", "--keep-days", "30")


def test_prune_spares_what_was_altered(shelf_of_imported: Path, database: dict[str, str]) -> None:
    """A manifest that does not fit its own digest tells neither what is in it nor how old it is."""
    manifest = shelf_of_imported / "rollout-1" / "sessions.manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("2020-01-01", "2020-01-02"))
    prune = ("archive", "prune", str(shelf_of_imported), *PRUNE)
    _, events, said = run(*prune, plan={"database": database})
    assert (events[-1]["pruned"], len(left(shelf_of_imported))) == (0, 3)
    assert "damaged: look at it first" in said
    code, events, said = run("archive", "list", str(shelf_of_imported))
    assert code == 2 and "the manifest was altered" in f"{events} {said}"


@pytest.mark.parametrize(
    ("since", "words"),
    [
        ({"signedIdentityKey": pair(90)}, "was paired anew since its import"),
        ({"me": {"id": "15550001111:8@s.whatsapp.net"}}, "was paired anew since its import"),
        ({"me": None}, "credentials of company 962302 are no good"),
    ],
)
def test_prune_spares_a_pairing_that_the_database_lost(
    shelf_of_imported: Path,
    conn: Connection,
    database: dict[str, str],
    since: dict[str, Any],
    words: str,
) -> None:
    """Logged out and paired anew: only the archive still has what was imported."""
    later = {**credentials(nextPreKeyId=9000), **since}
    conn.execute("UPDATE whatsapp_auth SET creds = %s::jsonb", [dump(later)])
    _, events, said = run(
        "archive", "prune", str(shelf_of_imported), *PRUNE, plan={"database": database}
    )
    assert (events[-1]["pruned"], len(left(shelf_of_imported))) == (0, 3) and words in said
    conn.execute(
        "UPDATE whatsapp_auth SET creds = %s::jsonb", [dump(credentials(nextPreKeyId=9000))]
    )
    run("archive", "prune", str(shelf_of_imported), *PRUNE, plan={"database": database})
    assert left(shelf_of_imported) == {"other", "test_auth"}, "the same pairing, further on"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE whatsapp_imports SET identity_sha256 = NULL", "does not say which pairing it was"),
        ("TRUNCATE whatsapp_auth CASCADE", "has no credentials of company 962302 any more"),
        ("ALTER TABLE whatsapp_keys SET UNLOGGED", "UNLOGGED: a crash empties it"),
        ("UPDATE whatsapp_imports SET stored_in = NULL", "imported into another cluster"),
    ],
)
def test_prune_fails_closed(
    shelf_of_imported: Path,
    conn: Connection,
    database: dict[str, str],
    change: LiteralString,
    words: str,
) -> None:
    """A record from before it named the pairing, a company that is gone: nothing goes on a guess."""
    conn.execute(change)
    code, events, said = run(
        "archive", "prune", str(shelf_of_imported), *PRUNE, plan={"database": database}
    )
    assert (code, events[-1]["pruned"], len(left(shelf_of_imported))) == (0, 0, 3)
    assert words in " ".join(said.split())


@pytest.mark.parametrize(
    "copy", ["company_5/creds.json.bak", "company_5.tar.gz", "old/creds (1).json", "notes.txt"]
)
def test_prune_spares_what_may_be_a_copy(
    tmp_path: Path, database: dict[str, str], copy: str
) -> None:
    """Packed, or under another name than a key's, it may be all that is left of a pairing."""
    for name in ("old/.DS_Store", copy):
        (tmp_path / "backup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "backup" / name).write_text("{}")
    place = tmp_path / "archives"
    place.mkdir()
    dated_archive(tmp_path / "backup", place, new_identity(tmp_path / "identity"))
    answer = run("archive", "prune", str(place), *PRUNE, plan={"database": database})
    assert answer[1][-1]["pruned"] == 0 and left(place) == {"backup"}, answer


def test_prune_believes_the_clock_that_is_behind(
    shelf_of_imported: Path, database: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host a year on would find every archive old."""
    place = shelf_of_imported.parent / "fresh"
    place.mkdir()
    recipient = new_identity(shelf_of_imported.parent / "other identity")
    where = ("--out", str(place), "--name", "sessions", "--recipient", recipient)
    assert run("archive", "create", str(shelf_of_imported.parent / "sessions"), *where)[0] == 0
    monkeypatch.setattr("time.time", lambda: time.clock_gettime(time.CLOCK_REALTIME) + 400 * 86_400)
    answer = run("archive", "prune", str(place), *PRUNE, plan={"database": database})
    assert answer[1][-1]["pruned"] == 0 and "more days" in answer[2], answer


def test_prune_needs_the_database(shelf: Path) -> None:
    """Unreachable is not empty, and not full either."""
    nowhere = {"database": {"host": "127.0.0.1", "port": 1}}
    command = ("archive", "prune", str(shelf), "--plan", "-", "--keep-days", "1")
    assert run(*command, plan=nowhere)[0] == 1 and len(left(shelf)) == 3
