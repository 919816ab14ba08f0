"""A backup before import and removal: made, or declared; without one nothing is changed."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.postgres import client_programs

from .outcomes import assert_after, assert_before
from .plans import DUMP, ROLLOUT
from .set_aside import verify
from .world import World


def backups(world: World) -> list[dict[str, Any]]:
    """What the history says of backups."""
    lines = (world.state / "history.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == "backup"]


def test_made_before_the_removal(
    world: World, plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encrypted, beside the archives; with the rows as they were just before."""
    monkeypatch.setenv("PATH", f"{client_programs()}:{os.environ['PATH']}")
    with_backup = {**plan, "backup": DUMP}
    world.hostswitch("archive", plan=with_backup)
    verify(world)
    code, result = world.hostswitch("remove", plan=with_backup)
    assert (code, result["outcome"]) == (0, "removed")
    (line,) = backups(world)
    assert (line["before"], line["outcome"]) == ("removal", "backed up")
    assert line["rows"] >= 13
    place = world.place / "archive" / ROLLOUT
    assert (place / "database-before-removal.dump.zst.age").stat().st_size == line["bytes"]


def test_made_before_the_import_while_the_service_runs(
    world: World, plan_before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The empty tables of a company that is about to come, and every other one's rows."""
    monkeypatch.setenv("PATH", f"{client_programs()}:{os.environ['PATH']}")
    files = world.files()
    assert world.hostswitch("switch", plan={**plan_before, "backup": DUMP})[0] == 0
    assert_after(world, files)
    assert [(line["before"], line["rows"]) for line in backups(world)] == [("import", 0)]


def test_no_backup_no_import(world: World, plan_before: dict[str, Any]) -> None:
    """Nobody to encrypt it to: refused, and the service never noticed."""
    files, pid = world.files(), world.process()["pid"]
    archive = {**plan_before["archive"], "recipients": []}
    code, result = world.hostswitch(
        "switch", plan={**plan_before, "backup": DUMP, "archive": archive}
    )
    assert code == 3 and "no age recipient" in result["error"]
    assert_before(world, files)
    assert world.process()["pid"] == pid


def test_a_provider_is_declared_with_its_reason(world: World, plan_before: dict[str, Any]) -> None:
    """It goes into the record; without a reason the plan is refused."""
    provider = {"method": "provider", "reason": "point in time, 7 days, tried on 1 November"}
    silent = {**plan_before, "backup": {**provider, "reason": " "}}
    code, result = world.hostswitch("switch", plan=silent)
    assert code != 0 and "plan.backup.reason" in result["error"]
    assert world.hostswitch("switch", plan={**plan_before, "backup": provider})[0] == 0
    (line,) = backups(world)
    assert (line["outcome"], line["reason"]) == ("provider", provider["reason"])


@pytest.fixture
def plan_before(world: World) -> dict[str, Any]:
    """The plan of the cut-over, with a recipient for the backup."""
    recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    made = world.plan()
    return {**made, "archive": {**made["archive"], "recipients": [recipient]}}
