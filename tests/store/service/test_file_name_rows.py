"""The lab's service with file-name rows: what its old revision left in files, its new one reads.

The rows are made by the rule that such services follow, without the product: the file's name without
`.json`, and its text.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.profiles.service_repository import SOURCES
from sessionstore.database.connection import connect
from sessionstore.importing import stage, states
from sessionstore.importing.proof import prove
from sessionstore.judgement.activity import STOPPED, Activity
from sessionstore.keys.names import Key, decode
from sessionstore.migrations.runner import Runner
from sessionstore.removal.account import account as account_for
from sessionstore.scan.layout import Layout
from sessionstore.scan.scan import scan_directory
from tests.store.conftest import MIGRATIONS
from tests.store.kinds import KINDS
from tests.store.service import machine

KIND = "file-name-rows"
SERVICE = SOURCES.parent / "services" / KIND
ACCOUNTS = ("sales", "support")


@dataclass(frozen=True)
class Desk:
    """The old and the new revision, and a directory with a peer of each account."""

    old: Path
    new: Path
    peers: Path

    def directory(self, account: str) -> Path:
        return self.old / "sessions" / f"md_{account}"

    def tool(self, release: Path, name: str, *arguments: str | Path) -> str:
        return machine.tool(release, name, *arguments, LAB_KIND=KIND)

    def digests(self, release: Path, account: str, *arguments: str | Path) -> list[dict[str, Any]]:
        keys = ("--company", account, "--ids", self.peers / account / "keys.json")
        text = self.tool(release, "read-keys.mjs", *arguments, *keys)
        return [json.loads(line) for line in text.splitlines()]

    def talk(self, release: Path, account: str, command: str, *arguments: str | Path) -> list[str]:
        whose = ("--company", account, "--peer", self.peers / account / "peer.json")
        answer = json.loads(self.tool(release, "conversation.mjs", command, *whose, *arguments))
        return list(answer.get("texts", []))


def compose(place: Path, *layers: str) -> Path:
    """One revision of the service: its layers, the last on top."""
    for layer in layers:
        shutil.copytree(SERVICE / layer, place, dirs_exist_ok=True)
    return place


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Seeded once; no test changes it."""
    if why_not := machine.node_is_missing():
        pytest.skip(why_not)
    place = tmp_path_factory.mktemp("desk")
    desk = Desk(compose(place / "old", "common", "old"), place / "new", place / "peers")
    compose(desk.new, "common", "new")
    for release in (desk.old, desk.new):
        subprocess.run(["npm", "ci", "--no-progress"], cwd=release, check=True, capture_output=True)
    for account in ACCOUNTS:
        seed = ("seed.mjs", "--live-only", desk.peers / account)
        machine.tool(desk.old, *seed, LAB_KIND=KIND, LAB_COMPANY=account)
    return desk


@pytest.fixture
def desk(template: Desk, tmp_path: Path) -> Desk:
    """A copy to change; the dependencies are shared."""
    copy = Desk(*(tmp_path / name for name in ("old", "new", "peers")))
    for source, target in zip(
        (template.old, template.new, template.peers), (copy.old, copy.new, copy.peers), strict=True
    ):
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("node_modules"))
        if source != template.peers:
            (target / "node_modules").symlink_to(source / "node_modules")
    return copy


@pytest.fixture
def imported(desk: Desk, empty_database: dict[str, str]) -> Iterator[tuple[Desk, dict[str, str]]]:
    """Every file a row, as it is."""
    with connect(empty_database) as conn, conn.transaction():
        conn.execute((SERVICE / "new" / "sql" / "session.sql").read_bytes())
        rows = [
            (account, path.stem, path.read_text())
            for account in ACCOUNTS
            for path in desk.directory(account).iterdir()
        ]
        insert = 'INSERT INTO "Session" ("sessionId", id, data) VALUES (%s, %s, %s)'
        conn.cursor().executemany(insert, rows)
    lead_to(desk.new, empty_database)
    yield desk, empty_database


def lead_to(release: Path, database: dict[str, str]) -> None:
    """Let a release's settings lead to a database."""
    place = database["host"].replace("/", "%2F")
    url = f"postgresql://{database['user']}@{place}/{database['dbname']}"
    machine.write_env(release, DATABASE_URL=url)


def rows_of(database: dict[str, str], account: str) -> dict[str, str]:
    """An account's rows: id and text."""
    with connect(database) as conn:
        query = 'SELECT id, data FROM "Session" WHERE "sessionId" = %s'
        return {str(name): str(text) for name, text in conn.execute(query, [account]).fetchall()}


def lines_of_a_run(release: Path, until: str) -> list[str]:
    """Start the service, stop it when it has said something, and return what it said, without times."""
    process = subprocess.Popen(
        ["node", "src/index.js"],
        cwd=release,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    lines = []
    try:
        for line in process.stdout:
            lines.append(line.rstrip().partition(" ")[2])
            if until in line:
                process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0, lines
    finally:
        process.kill()
    return lines


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_rows_hold_what_the_files_held(
    imported: tuple[Desk, dict[str, str]], account: str
) -> None:
    """By the library's reader of files and the service's reader of rows, key by key."""
    desk, _ = imported
    directory = desk.directory(account)
    files = desk.digests(desk.old, account, "--from", "directory", "--path", directory)
    assert len(files) == 1313 + 1 and all(line["digest"] for line in files)
    assert desk.digests(desk.new, account, "--from", "postgres") == files


def test_what_the_product_imports_is_what_the_service_reads(
    desk: Desk, empty_database: dict[str, str]
) -> None:
    """The same rows as by hand: by a description of the tables alone, stores beside the sessions."""
    kind = KINDS["file-name rows"]
    layout = Layout(litter=("*_store.json",), named=kind.named)
    (desk.old / "sessions" / "sales_store.json").write_text('{"chats":{}}')
    with connect({**empty_database, "tables": kind.tables}) as conn:
        conn.execute(kind.made.encode())
        Runner(conn, MIGRATIONS).deploy()
        for account in ACCOUNTS:
            with scan_directory(str(desk.old / "sessions"), layout=layout) as scan:
                record = stage.stage(conn, scan, account, "20261122T140000Z-3fa2", "wa-1")
                assert prove(conn, record.import_id, scan).ok
                states.activate(conn, record.import_id)
        with scan_directory(str(desk.old / "sessions"), layout=layout) as scan:
            answer = account_for(conn, scan, "live", activity=Activity(STOPPED))
        assert answer.decision.removable, answer.decision.reasons
    lead_to(desk.new, empty_database)
    for account in ACCOUNTS:
        directory = desk.directory(account)
        files = desk.digests(desk.old, account, "--from", "directory", "--path", directory)
        assert desk.digests(desk.new, account, "--from", "postgres") == files
        by_hand = {path.stem: json.loads(path.read_text()) for path in directory.iterdir()}
        rows = rows_of(empty_database, account)
        assert {name: json.loads(text) for name, text in rows.items()} == by_hand


def test_the_accounts_are_different_ones(template: Desk) -> None:
    """Else a row of the one would do for the other, and the tests above would not see it."""
    creds = [json.loads((template.directory(a) / "creds.json").read_text()) for a in ACCOUNTS]
    assert len({one["me"]["id"] for one in creds}) == len(ACCOUNTS)


WRITES = """
import fs from 'node:fs'
const { openSession } = await import(`${process.cwd()}/src/sessions.js`)
const { state } = await openSession('other')
for (const [type, ids] of Object.entries(JSON.parse(fs.readFileSync(process.argv[2])))) {
  await state.keys.set({ [type]: Object.fromEntries(ids.map(id => [id, { of: id }])) })
}
process.exit(0)
"""


def test_names_are_escaped_as_on_disk(imported: tuple[Desk, dict[str, str]]) -> None:
    """Whatever the id: the new revision's row is called as the old one's file is."""
    desk, database = imported
    lists = json.loads((desk.peers / "sales" / "keys.json").read_text())
    # What an escaped name no longer tells apart, and characters that no grammar knows.
    lists["session"] += ["a/b:c.0", "a__b-c.1", "(){}'\"$.2", "äöü 🚀.3"]
    (desk.peers / "lists.json").write_text(json.dumps(lists))
    for release in (desk.old, desk.new):
        (release / "writes.mjs").write_text(WRITES)
        command = ["node", "writes.mjs", str(desk.peers / "lists.json")]
        subprocess.run(command, cwd=release, check=True, timeout=60)
    names = {path.stem for path in desk.directory("other").iterdir()}
    assert rows_of(database, "other").keys() == names
    assert "session-a__b-c.0" in names and "session-a__b-c.1" in names
    of_the_library = {Key(kind, one) for kind, ids in lists.items() for one in ids[:1]}
    assert of_the_library <= {decode(f"{name}.json") for name in rows_of(database, "sales")}


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_conversation_goes_on_from_the_rows(
    imported: tuple[Desk, dict[str, str]], account: str
) -> None:
    """Written before the move, read after it; a stranger's first message uses up a pre-key."""
    desk, database = imported
    message, reply = desk.peers / "message.json", desk.peers / "reply.json"
    desk.talk(desk.old, account, "peer-encrypt", "--text", "until now", "--out", message)
    assert desk.talk(desk.new, account, "service-decrypt", "--in", message) == ["until now"] * 2
    desk.talk(desk.new, account, "service-reply", "--text", "after", "--out", reply)
    assert desk.talk(desk.old, account, "peer-decrypt", "--in", reply) == ["after"]
    desk.talk(desk.new, account, "stranger-encrypt", "--text", "hi", "--out", message)
    before = rows_of(database, account).keys()
    assert desk.talk(desk.new, account, "service-decrypt", "--in", message) == ["hi"]
    after = rows_of(database, account).keys()
    assert [name.partition("-")[0] for name in before - after] == ["pre"]
    assert "session" in {name.partition("-")[0] for name in after - before}


def test_the_old_revision_says_that_it_runs_on_files(desk: Desk) -> None:
    """Its log is all that it shows; a store lies beside each session when it has run."""
    lines = lines_of_a_run(desk.old, "2 accounts started")
    assert lines[0] == f"[desk] sessions in {desk.old / 'sessions'}"
    for account in ACCOUNTS:
        loaded = f"[{account}] credentials loaded for 1555010"
        assert any(line.startswith(loaded) for line in lines), lines
        store = json.loads((desk.old / "sessions" / f"{account}_store.json").read_text())
        assert store == {"chats": {}, "contacts": {}}


def test_one_account_flat_in_its_directory(desk: Desk) -> None:
    """The commonest layout: nothing in a name tells whose session it is."""
    flat = compose(desk.old.parent / "flat", "common", "old", "flat")
    (flat / "node_modules").symlink_to(desk.old / "node_modules")
    desk.directory("sales").rename(flat / "auth_info_baileys")
    lines = lines_of_a_run(flat, "1 accounts started")
    assert lines[0] == f"[desk] sessions in {flat / 'auth_info_baileys'}"
    assert lines[1].startswith("[main] credentials loaded for 1555010")
    assert (flat / "baileys_store.json").exists()


def test_the_new_revision_says_that_it_runs_on_rows(imported: tuple[Desk, dict[str, str]]) -> None:
    """And offline it changes none of them."""
    desk, database = imported
    before = [rows_of(database, account) for account in ACCOUNTS]
    lines = lines_of_a_run(desk.new, "[support] connection closed")
    assert lines[0] == '[desk] sessions in PostgreSQL, table "Session"'
    assert "[desk] 2 accounts started" in lines
    assert [rows_of(database, account) for account in ACCOUNTS] == before


def test_without_rows_the_new_revision_starts_no_account(
    imported: tuple[Desk, dict[str, str]],
) -> None:
    """Started before the import it looks well and serves nobody: a gate has to see that."""
    desk, database = imported
    with connect(database) as conn, conn.transaction():
        conn.execute('DELETE FROM "Session"')
    assert lines_of_a_run(desk.new, "0 accounts started")[:-1] == [
        '[desk] sessions in PostgreSQL, table "Session"',
        "[desk] 0 accounts started",
    ]
