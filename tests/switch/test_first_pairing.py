"""A service that waits for its first pairing, until it was paired once: after that, never again."""

from __future__ import annotations

import json
import shutil

import pytest

from .plans import APP, COMPANY
from .world import World


@pytest.fixture
def unused(world: World) -> World:
    """A host on which nothing ever ran."""
    world.pm2("delete", APP)
    world.pm2("save", "--force")
    shutil.rmtree(world.live)
    shutil.rmtree(world.app_dir / "baileys_sessions_backup")
    (world.app_dir / ".env").unlink()
    return world


@pytest.fixture
def waiting(unused: World) -> World:
    """The same after its first switch."""
    code, result = unused.hostswitch("switch")
    assert (code, result["awaiting_pairing"]) == (0, [COMPANY]), result
    return unused


def pair(world: World) -> None:
    """What the service writes when an operator has scanned the code."""
    world.query(f"INSERT INTO whatsapp_auth (company_id, creds) VALUES ('{COMPANY}', '{{}}')")


def events(world: World) -> list[str]:
    """The events of the host's history."""
    lines = (world.state / "history.jsonl").read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_a_pairing_is_put_on_record_and_lost_rows_are_no_first_pairing(waiting: World) -> None:
    """Rows lost after it would be taken for none yet: a restart makes a new identity."""
    assert waiting.hostswitch("preflight")[0] == 0
    pair(waiting)
    pid = waiting.process()["pid"]
    code, plan = waiting.hostswitch("preflight")
    assert (code, [one["kind"] for one in plan["changes"]]) == (2, ["pairing"])
    assert events(waiting) == ["switch"]
    code, result = waiting.hostswitch("switch")
    assert (code, result["outcome"]) == (0, "nothing to do")
    assert events(waiting) == ["switch", "paired"]
    assert waiting.hostswitch("preflight")[0] == 0
    assert waiting.process()["pid"] == pid
    waiting.query("DELETE FROM whatsapp_auth")
    waiting.pm2("stop", APP)
    code, result = waiting.hostswitch("switch")
    assert code == 3
    assert any("a start would make a new identity" in one for one in result["refusals"])
    assert waiting.status() is None


def test_a_dump_that_cannot_be_read_is_no_proof_that_nothing_ran(unused: World) -> None:
    """A torn dump read as “never ran here” would let a customer's service begin anew."""
    (unused.pm2_home / "dump.pm2").write_text('[{"name": "bai')
    for command in ("preflight", "switch"):
        code, result = unused.hostswitch(command)
        assert code == 3
        assert any("a start would make a new identity" in one for one in result["refusals"])
    assert unused.rows() == (0, 0)


def test_the_daily_check_lets_a_company_wait_until_it_was_paired_once(waiting: World) -> None:
    """An alarm on each day of waiting is one that nobody reads when the keys are gone."""
    code, result = waiting.hostswitch("daily-check")
    assert (code, result["outcome"]) == (0, "passed"), result
    pair(waiting)
    assert waiting.hostswitch("daily-check")[0] == 0
    assert events(waiting) == ["switch", "daily-check", "paired", "daily-check"]
    assert not waiting.alarm.exists()
    waiting.query("DELETE FROM whatsapp_auth")
    assert waiting.hostswitch("daily-check")[0] == 8
    assert "credentials are not loaded" in waiting.alarm.read_text()
