"""Eleven days after a move: the old files against rows that the real library has worked on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sessionstore import importing
from sessionstore.accounting import Accounting, account
from sessionstore.activity import STOPPED, Activity
from sessionstore.database import Connection, connect
from sessionstore.errors import Refused
from sessionstore.scan import scan_directory
from sessionstore.tree import DirectoryScan
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
    """Account for the old directory as it is now."""
    with looking(moved) as (conn, scan):
        return account(conn, scan, "live", company_ids=[COMPANY], activity=Activity(STOPPED))


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
    newer = [name for name, one in found.items() if one.outcome == "newer in database"]
    assert "creds.json" in newer
    assert sum(name.startswith("session-") for name in newer) >= did["contacts"]
    assert sum(name.startswith("sender-key-") for name in newer) >= did["groups"]
    assert sum(answer.decision.counts.values()) == 1313 + 1
    with looking(moved_on) as (conn, scan), pytest.raises(Refused):
        importing.stage(conn, scan, COMPANY, "again", "wa-1")


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
