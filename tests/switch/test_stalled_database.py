"""A database that accepts everything and says nothing more, from some moment after the stop on."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hostswitch.database import connection
from tests.postgres import client_programs
from tests.store.proxy import Proxy

from .outcomes import assert_before
from .plans import DUMP
from .world import World

LIMIT = 8
"""The plan's `gate_limit_seconds`."""
MOST = LIMIT + connection.LEAST_SECONDS + 40
"""Seconds of a whole switch; on a quiet machine the last part is 4."""

LET_IN = (b"SET search_path", 5)  # the import's: a pooler that has no server for the session
STAGING = (b"INSERT INTO whatsapp_imports", 2)  # the first is the rehearsal's
SENDING = (b'COPY "public"."whatsapp_keys"', 2)
STAGED = (b"COMMIT\0", 1)
ACTIVATING = (b"UPDATE whatsapp_imports", 1)
ACTIVE = (b"COMMIT\0", 3)  # the second is the proof's


QUICK = """
import sys
from hostswitch import cli; from hostswitch.database import connection
from sessionstore.backup import dump as backup
connection.READY_SECONDS = backup.SILENT_SECONDS = 2
sys.exit(cli.main())
"""


@pytest.fixture
def between(world: World) -> Iterator[Proxy]:
    """What lies between the host program and its database."""
    with Proxy({"host": str(world.server)}) as proxy:
        yield proxy


def plan_of(world: World, between: Proxy) -> dict[str, Any]:
    port = between.settings["port"]
    there = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": port}
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", **there)
    by_way = {"host": "127.0.0.1", "port": int(port)}
    return world.plan(database={**world.plan()["database"], **by_way})


@pytest.mark.parametrize(
    ("moment", "row"),
    [
        (LET_IN, "imported"),
        (STAGING, "imported"),
        (SENDING, "imported"),
        (STAGED, "imported"),
        (ACTIVATING, "active"),
    ],
)
def test_the_old_version_runs_again_within_the_deadline(
    world: World, between: Proxy, moment: tuple[bytes, int], row: str
) -> None:
    """Its customers were left without service for as long as the database said nothing."""
    files = world.files()
    between.stall_at(*moment)
    began = time.monotonic()
    code, result = world.hostswitch("switch", plan=plan_of(world, between))
    assert time.monotonic() - began < MOST
    assert (code, result["outcome"]) == (4, "put back")
    assert ("no answer within" if moment == LET_IN else "did not get done within") in result[
        "error"
    ]
    assert "The old version runs again, after " in result["error"]
    world.wait_for("files")
    assert world.files() == files
    pid = world.process()["pid"]
    assert f'"step": "{row}"' in (world.state / "journal.jsonl").read_text()

    between.go_on()
    code, result = world.hostswitch("resume")
    assert (code, result["outcome"]) == (4, "put back")
    assert world.process()["pid"] == pid
    assert_before(world, files)
    _, shown = world.hostswitch("status", "--app-dir", str(world.app_dir))
    why = shown["history"][-1]["why"]
    waited = re.search(r"within (\d+) s", why)
    assert waited, why
    # What the rehearsal took comes three times over the limit, and more of it on a busy machine.
    assert (10 if moment == LET_IN else LIMIT) <= int(waited[1]) <= MOST
    assert 0 < shown["history"][-1]["at_least_seconds_without_service"] < MOST


def test_a_commit_that_is_not_answered_leaves_the_service_stopped_with_an_alarm(
    world: World, between: Proxy
) -> None:
    """Whether it was done is not known: a version that reads files must not start, nor the other."""
    files = world.files()
    between.stall_at(*ACTIVE)
    began = time.monotonic()
    code, result = world.hostswitch("switch", plan=plan_of(world, between))
    assert time.monotonic() - began < LIMIT + MOST
    assert (code, result["outcome"]) == (5, "left stopped")
    assert world.status() is None
    assert "only the database knows" in world.alarm.read_text()
    code, _ = world.hostswitch("resume")
    assert (code, world.status()) == (5, None)

    between.go_on()
    code, result = world.hostswitch("resume")
    assert (code, result["outcome"]) == (4, "put back")
    assert_before(world, files)


@pytest.mark.parametrize(
    "moment",
    [
        (b"SELECT EXISTS (SELECT FROM", 1),
        (b"SELECT 1", 1),
        (b"INSERT INTO whatsapp_imports", 1),
        (b"SET TRANSACTION SNAPSHOT", 1),
    ],
    ids=["looked at", "measured", "rehearsed", "backed up"],
)
def test_row_0_waits_for_no_database_for_hours(
    world: World, between: Proxy, monkeypatch: pytest.MonkeyPatch, moment: tuple[bytes, int]
) -> None:
    """Only the unit's four hours ended it, with the host's lock held and nobody told."""
    monkeypatch.setenv("PATH", f"{client_programs()}:{os.environ['PATH']}")
    words = world.program()
    at = words.index("-m")
    monkeypatch.setattr(world, "program", lambda: [*words[:at], "-c", QUICK, *words[at + 2 :]])
    plan = plan_of(world, between)
    recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    archive = {**plan["archive"], "recipients": [recipient]}
    between.stall_at(*moment)
    files, pid = world.files(), world.process()["pid"]
    code, result = world.hostswitch("switch", plan={**plan, "archive": archive, "backup": DUMP})
    assert (code, result["outcome"]) == (3, "refused")
    assert "within 2 s" in result["error"] or "said nothing for 2 s" in result["error"]
    assert world.process()["pid"] == pid
    assert_before(world, files)
