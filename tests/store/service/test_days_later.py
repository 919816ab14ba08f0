"""Eleven days after a move: the old files against rows that the real library has worked on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sessionstore.archive import create
from sessionstore.archive.check import check
from sessionstore.database.connection import Connection, connect
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import walk
from sessionstore.errors import Refused
from sessionstore.importing import stage
from sessionstore.judgement.activity import STOPPED, Activity
from sessionstore.removal.account import Accounting, account
from sessionstore.removal.second_proof import account_again
from sessionstore.scan.result import DirectoryScan
from sessionstore.scan.scan import scan_directory
from tests.store.commands import run
from tests.store.night import SIGKILL, at_deletion, ended, in_child
from tests.store.service import machine
from tests.store.service.seeded import COMPANY, Seeded

Moved = tuple[Seeded, dict[str, str], dict[str, Any]]


@pytest.fixture
def moved_on(imported: tuple[Seeded, dict[str, str]]) -> Moved:
    """The import, and what Baileys did to the rows since."""
    seeded, database = imported
    return seeded, database, json.loads(machine.tool(seeded.new, "days-later.mjs"))


@contextmanager
def looking(moved: Moved) -> Iterator[tuple[Connection, DirectoryScan]]:
    """A connection and a fresh scan of the old directory."""
    seeded, database, _ = moved
    with connect(database) as conn, scan_directory(str(seeded.sessions)) as scan:
        yield conn, scan


def look(moved: Moved) -> Accounting:
    """Account for the old directory as it is now: with every file read, and as a removal does."""
    more: dict[str, Any] = {"company_ids": [COMPANY], "activity": Activity(STOPPED)}
    with looking(moved) as (conn, scan), closing(open_directory(str(moved[0].sessions))) as fd:
        found = account(conn, scan, "live", **more)
        assert account_again(conn, fd, walk(fd), scan.label, "live", **more) == found
        return found


def directory(moved: Moved) -> Path:
    """The company's old files."""
    return moved[0].sessions / f"company_{COMPANY}"


def test_every_file_is_explained_by_evidence_and_none_is_imported(moved_on: Moved) -> None:
    """Then, and only then, the directory may go."""
    did = moved_on[2]
    assert len(did["consumed"]) == 8 and did["moved"] and did["contacts"] > 20 and did["groups"] > 5
    answer = look(moved_on)
    assert answer.decision.removable, answer.decision.reasons
    found = {Path(one.file).name: one for one in answer.dispositions}
    for number in did["consumed"]:
        assert found[f"pre-key-{number}.json"].outcome == "absent, explained"
    for user in did["moved"]:
        assert "moved to its LID session" in found[f"session-{user}.0.json"].reason
    user, _, rest = did["renewed"].partition(":")
    address = f"{user}_1.{rest.partition('@')[0]}"
    assert "new identity" in found[f"identity-key-{address}.json"].reason
    assert found[f"session-{address}.json"].outcome == "newer in database"
    assert "removed the device" in found[f"session-{did['removed']}.json"].reason
    assert "took the place" in found[f"session-{did['retried'][0]}.json"].reason
    newer = [name for name, one in found.items() if one.outcome == "newer in database"]
    assert "creds.json" in newer
    assert sum(name.startswith("session-") for name in newer) >= did["contacts"]
    assert sum(name.startswith("sender-key-") for name in newer) >= did["groups"]
    assert sum(answer.decision.counts.values()) == 1313 + 1
    with looking(moved_on) as (conn, scan), pytest.raises(Refused):
        stage.stage(conn, scan, COMPANY, "again", "wa-1")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look into /proc")
def test_the_command_removes_it_however_often_it_is_cut_off(
    moved_on: Moved, tmp_path: Path, age_identity: tuple[str, str]
) -> None:
    """What is left must never lose its evidence to what went before it."""
    seeded, database, _ = moved_on
    root = seeded.sessions
    with closing(open_directory(str(root))) as fd:
        made = create.create(fd, str(tmp_path), "old", [age_identity[1]])
    plan = {"database": database, "directory": str(root), "kind": "live", "service": "stopped"}
    remove = ("remove", "--archive", made.archive, "--manifest", made.manifest, "--plan", "-")
    code, events, said = run(*remove, "--dry-run", plan=plan)
    assert (code, events[-1]["outcome"]) == (2, "may go"), said
    half, heard, cuts = root.with_name(root.name + ".removing"), tmp_path / "heard", 0

    def cut_off() -> None:
        at_deletion(100, lambda: os.kill(os.getpid(), SIGKILL))
        heard.write_text(json.dumps(run(*remove, plan=plan)))

    while (ending := ended(in_child(cut_off))) == -SIGKILL:
        cuts += 1
    assert ending == 0, (ending, cuts)
    code, events, said = json.loads(heard.read_text())
    assert (code, events[-1]["outcome"]) == (0, "removed"), said
    assert not root.exists() and not half.exists() and cuts > 10
    assert check(made.archive, made.manifest, age_identity[0]).files == 1314


def test_one_planted_key_blocks_and_is_named(moved_on: Moved) -> None:
    """A contact's session that the database never had is somebody's only one."""
    place = directory(moved_on)
    source = next(place.glob("session-2*_1.0.json"))
    (place / "session-299999999999999_1.0.json").write_bytes(source.read_bytes())
    decision = look(moved_on).decision
    assert not decision.removable and len(decision.reasons) == 1
    assert "session-299999999999999_1.0.json" in decision.reasons[0]


@pytest.mark.parametrize("pattern", ["pre-key-*.json", "app-state-sync-key-*.json"])
def test_one_altered_immutable_key_blocks_and_is_named(moved_on: Moved, pattern: str) -> None:
    """Whatever the clocks say: it can't be newer, so one of the two is wrong."""
    gone = {f"pre-key-{number}.json" for number in moved_on[2]["consumed"]}
    path = next(one for one in sorted(directory(moved_on).glob(pattern)) if one.name not in gone)
    text = path.read_text()
    mark = '"data":"' if pattern.startswith("pre") else '"keyData":"'
    at = text.index(mark) + len(mark)
    path.write_text(text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :])
    decision = look(moved_on).decision
    assert not decision.removable and len(decision.reasons) == 1
    assert path.name in decision.reasons[0]


# What a job, a second writer or a mistake does to rows that the library wrote: each by its key.
HARMS: list[tuple[str, str, str]] = [
    (
        "a pre-key that nobody used",
        "DELETE FROM whatsapp_keys WHERE (key_type, key_id) = (SELECT key_type, max(key_id)"
        " FROM whatsapp_keys WHERE key_type = 'pre-key' AND length(key_id) = 3 GROUP BY 1)",
        "pre-key-",
    ),
    (
        "a chain key of a session that went on",
        "UPDATE whatsapp_keys SET value = replace(value::text, value->'_sessions'->b->'_chains'->c"
        "->'chainKey'->>'key', encode(sha256('x'), 'base64'))::jsonb FROM (SELECT key_id AS k, b, c"
        " FROM whatsapp_keys, jsonb_object_keys(value->'_sessions') AS b,"
        " jsonb_object_keys(value->'_sessions'->b->'_chains') AS c WHERE key_type = 'session'"
        " AND key_id = '200000000001003_1.100' AND value->'_sessions'->b->'indexInfo'->>'closed' = '-1'"
        " AND value->'_sessions'->b->'_chains'->c->>'chainType' = '1') AS one"
        " WHERE key_type = 'session' AND key_id = k",
        "session-200000000001003_1.100.json",
    ),
    (
        "a session of somebody else, and later",
        "UPDATE whatsapp_keys SET value = (SELECT value FROM whatsapp_keys WHERE key_type = 'session'"
        " AND key_id = '20000077700001_1.0') WHERE key_type = 'session'"
        " AND key_id = '200000000001003_1.100'",
        "session-200000000001003_1.100.json",
    ),
    (
        "the own sender key of another group",
        "UPDATE whatsapp_keys SET value = (SELECT value FROM whatsapp_keys WHERE key_type ="
        " 'sender-key' AND key_id LIKE '120363000000000520@%') WHERE key_type = 'sender-key'"
        " AND key_id LIKE '120363000000000527@%'",
        "sender-key-120363000000000527@g.us--",
    ),
    (
        "credentials without their account",
        "UPDATE whatsapp_auth SET creds = creds - 'account' - 'signalIdentities'",
        "creds.json",
    ),
]


@pytest.mark.parametrize(
    ("harm", "named"), [one[1:] for one in HARMS], ids=[one[0] for one in HARMS]
)
def test_one_row_that_the_library_did_not_write_blocks_and_is_named(
    moved_on: Moved, harm: str, named: str
) -> None:
    """Among rows that have all moved on, and with counters and times that are later."""
    with connect(moved_on[1]) as conn:
        assert conn.execute(harm.encode()).rowcount == 1
    decision = look(moved_on).decision
    assert not decision.removable
    assert any(f"/{named}" in reason for reason in decision.reasons), decision.reasons
