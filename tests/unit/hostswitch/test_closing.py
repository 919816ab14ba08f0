"""Closing a switch, killed at each of its steps: the next run ends it, with one record, no secret left."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostswitch.base import clock
from hostswitch.base.errors import RefusedError
from hostswitch.base.places import Places
from hostswitch.directories import aside
from hostswitch.host import Host
from hostswitch.plan import load
from hostswitch.record import journal
from hostswitch.record.journal import Entry, Journal, JournalError, read
from hostswitch.switch import close, resume, run
from hostswitch.switch.opened import Switch
from hostswitch.switch.stop import torn_files
from hostswitch.upkeep import daily

from .open_switch import ENDED, ROLLOUT, facts_before, open_switch
from .plans import PLAN

ACTS = ("open", "os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.truncate", "shutil.rmtree")
"""Audit events of the acts between which a kill can fall."""


def test_what_fails_before_the_stop_is_refused(tmp_path: Path) -> None:
    """A PM2 that hung just then was told as "left stopped", with the alarm, while the service ran."""
    places = open_switch(tmp_path, closed=False)
    log = Journal(places)
    opened = Switch(Host(load(places.plan.read_text()), places), facts_before(), log)
    with pytest.raises(RefusedError, match="does not exist here"):
        run.forward(opened)
    assert {path.name for path in places.state.iterdir()} == {"copies"}


def killed_at(act: int, work: Callable[[], object]) -> bool:
    """Run something in a process that is killed before its nth act; whether it got that far."""
    child = os.fork()
    if child == 0:
        left = act

        def count(event: str, _arguments: object) -> None:
            nonlocal left
            if event in ACTS:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("closed", [True, False], ids=["ended", "never stopped"])
def test_closing_can_be_killed_at_every_act(tmp_path: Path, closed: bool) -> None:
    """An error of the journal here would block every later rollout of a healthy host."""
    act = 0
    while True:
        places = open_switch(tmp_path / str(act), closed=closed)
        died = killed_at(act, lambda places=places: resume.run(places))  # type: ignore[misc]
        assert resume.run(places)["outcome"] in ("switched", "forgotten", "nothing to do")
        assert resume.run(places) == {"outcome": "nothing to do"}
        left = {path.name for path in places.state.iterdir()} - {"copies"}
        assert left == ({"history.jsonl"} if closed else set())
        assert not list(places.copies.iterdir())
        assert not (tmp_path / str(act) / "app" / ".set-aside").exists()
        if closed:
            assert [json.loads(line) for line in places.history.read_text().splitlines()] == [ENDED]
        if not died:
            break
        act += 1
    assert act > 10


def test_a_trial_can_be_killed_at_every_act(tmp_path: Path) -> None:
    """What it left would stand among the set-aside directories, and keep their place for ever."""
    act = 0
    while True:
        places = open_switch(tmp_path / str(act), closed=False)
        app = tmp_path / str(act) / "app"
        (app / "a" / "962302").mkdir(parents=True)

        def trial(app: Path = app) -> None:
            with aside.opened(str(app), ROLLOUT) as (top, place):
                aside.try_there_and_back(top, place, "a")

        died = killed_at(act, trial)
        assert aside.listed(str(app)) == {ROLLOUT: []}
        assert resume.run(places)["outcome"] == "forgotten"
        assert sorted(path.name for path in app.iterdir()) == ["a"]
        assert (app / "a" / "962302").is_dir()
        if not died:
            break
        act += 1
    assert act > 7


def test_a_full_disk_leaves_a_journal_that_can_be_written_on(tmp_path: Path) -> None:
    """Half a line would be glued to the put back's intent, and ruin the journal for ever."""
    path = tmp_path / "journal.jsonl"
    log = Journal(Places(tmp_path, tmp_path))
    log.mark("ready", "intent")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
    try:
        with pytest.raises(JournalError, match="intent:stopped was not begun"):
            log.mark("stopped", "intent")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [entry.instant for entry in log.entries] == ["intent:ready"]
    log.mark("put-back", "intent")
    assert [entry.instant for entry in read(path)] == ["intent:ready", "intent:put-back"]


def test_a_journal_is_opened_only_with_room_to_end(tmp_path: Path) -> None:
    """Found full after the stop, it would leave the service down."""
    path = tmp_path / "journal.jsonl"
    log = Journal(Places(tmp_path, tmp_path))
    log.mark("ready", "intent")
    assert path.stat().st_size < 1000
    assert path.stat().st_blocks * 512 >= 1 << 20


def record(outcome: str, *, gated_again: bool = False) -> dict[str, Any]:
    """The record of a switch that imported: stopped at 0 s, started at 3 s, answered at 60 s."""

    def at(seconds: float) -> clock.Moment:
        return clock.Moment(1000 + seconds, seconds, "boot")

    facts = replace(facts_before(), running=True, keys_before={"962302": 9}, cut_over={}, flags=[])
    facts = replace(facts, changes=[], aside=[], status_before=None)
    gate = {"answered": vars(at(60)), "companies": {}, "gated_again": gated_again}
    lines = [
        Entry(journal.STOPPED, "intent", at(0)),
        Entry(journal.IMPORTED, "done", at(1), {"keys": {"962302": 9}, "equal": 10}),
        Entry(journal.HEALTHY, "start", at(3)),
        Entry(journal.HEALTHY, "gate", at(60), {**gate, "not_checked": [], "lost_key_lines": None}),
    ]
    host = Host(load(json.dumps(PLAN)), Places())
    return close.record(host, facts, lines, outcome)


def test_what_was_put_back_is_not_reported_as_imported() -> None:
    """Somebody would look for those rows, or count them."""
    assert record("switched")["companies"]["962302"]["keys_imported"] == 9
    for outcome in ("put back", "put back, not healthy"):
        assert record(outcome)["companies"]["962302"]["keys_imported"] is None
        assert record(outcome)["dispositions"] == {}


def test_seconds_without_service_are_measured_or_said_to_be_at_least() -> None:
    """A service that ran all along while nobody looked was not away all that time."""
    names = ("seconds_without_service", "at_least_seconds_without_service")
    assert [record("switched")[name] for name in names] == [60, None]
    assert [record("switched", gated_again=True)[name] for name in names] == [None, 3]


def test_what_an_operator_is_told_to_type_is_that(tmp_path: Path) -> None:
    """A directory's name is declared as it is; pasted into root's shell it must be no command."""
    (tmp_path / "a;reboot").mkdir()
    plan = replace(load(json.dumps(PLAN)), app_dir=str(tmp_path), service_user="ai-admin")
    live = replace(plan.legacy_directories[0], path="a;reboot", kind="live")
    host = Host(replace(plan, legacy_directories=(live,)), Places())
    item = {"path": "a;reboot", "name": "a;reboot", "kind": "live"}
    log = Journal(Places(tmp_path, tmp_path))
    begun = Switch(host, replace(facts_before(), aside=[item]), log)
    (again,) = daily._came_back(host)
    told = str(torn_files(begun, "a;reboot", ["x"])).partition("Compare: ")[2]
    for typed in (again.partition("See: ")[2], told):
        assert typed.count("/a;reboot'") == typed.count(";reboot") > 0, typed
    assert "runuser -u ai-admin -- tee" in told, "root would write where a link there leads"
