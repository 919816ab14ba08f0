"""The switch killed at every line of its journal, with and without a power cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from hostswitch.record.journal import read
from roles.host.operations import END_OPEN_SWITCH
from tests.instants import INSTANTS

from .outcomes import assert_after, assert_before
from .world import World

SOAK = bool(os.environ.get("ROLLOUT_SOAK"))
FORWARD = [one for one in INSTANTS if not one.endswith(":put-back")]
BACK = [one for one in INSTANTS if one.endswith(":put-back")]
GONE_FORWARD = FORWARD[FORWARD.index("done:active") :]
"""From here on the database is the truth."""


CAUSE = "the new version did not become healthy: "


def recorded(world: World) -> dict[str, Any]:
    """The history's last line."""
    return dict(json.loads((world.state / "history.jsonl").read_text().splitlines()[-1]))


def some(instants: list[str], of_each: str) -> list[str]:
    """All instants in a soak; else one of each row, so that `make test` stays quick."""
    return instants if SOAK else [one for one in instants if one.startswith(of_each)]


@pytest.mark.parametrize("instant", some(FORWARD, "intent:"))
def test_killed_and_run_again(world: World, instant: str) -> None:
    """The next rollout ends where an undisturbed one does."""
    files = world.files()
    code, _ = world.hostswitch("switch", die_at=instant)
    assert code == -9
    code, result = world.hostswitch("switch", plan=world.plan(rollout_id="20261123T140000Z-next"))
    expected = "nothing to do" if instant in GONE_FORWARD else "switched"
    assert (code, result["outcome"]) == (0, expected)
    assert_after(world, files)


def test_the_program_that_began_a_switch_ends_it_before_another_replaces_it(world: World) -> None:
    """A new version might not understand the journal, and leave the service down."""
    files = world.files()
    assert world.hostswitch("switch", die_at="done:stopped")[0] == -9
    journal, plan = world.state / "journal.jsonl", world.state / "plan.json"
    end = ["sh", "-c", END_OPEN_SWITCH, "sh", str(journal), *world.program(), "resume"]

    def ended() -> subprocess.CompletedProcess[str]:
        return subprocess.run(end, capture_output=True, text=True, check=False, timeout=120)

    kept = plan.rename(plan.with_name("away"))
    refused = ended()
    assert refused.returncode == 1
    assert "the program is not replaced" in refused.stderr
    assert journal.exists()
    kept.rename(plan)
    assert ended().returncode == 0
    assert_before(world, files)


@pytest.mark.parametrize("instant", some(FORWARD, "done:"))
def test_killed_and_rebooted(world: World, instant: str) -> None:
    """The boot units bring up the one version that may run, by themselves."""
    files = world.files()
    assert world.hostswitch("switch", die_at=instant)[0] == -9
    world.power_cut()
    world.boot()
    if instant in GONE_FORWARD:
        assert_after(world, files)
    else:
        assert_before(world, files)


@pytest.mark.parametrize("instant", some(BACK, "rows:"))
def test_killed_while_putting_back(world: World, instant: str) -> None:
    """Half put back is the most dangerous state of all."""
    files = world.files()
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", DRILL="fail")
    assert world.hostswitch("switch", die_at=instant)[0] == -9
    code, result = world.hostswitch("resume")
    assert (code, result["outcome"]) == (4, "put back")
    assert CAUSE in result["error"] and CAUSE in recorded(world)["why"]
    assert_before(world, files)


@pytest.mark.parametrize("instant", some(BACK, "files:"))
def test_rebooted_while_putting_back(world: World, instant: str) -> None:
    files = world.files()
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", DRILL="fail")
    assert world.hostswitch("switch", die_at=instant)[0] == -9
    world.power_cut()
    world.boot()
    assert CAUSE in recorded(world)["why"]
    assert_before(world, files)


@pytest.mark.skipif(not SOAK, reason="a soak test: the boot unit waits a minute for the database")
def test_rebooted_while_the_database_is_away(world: World) -> None:
    """The customers' service comes back on its files; the staged rows wait without effect."""
    files = world.files()
    assert world.hostswitch("switch", die_at="staged:imported")[0] == -9
    world.power_cut()
    saved = (world.state / "plan.json").read_text()
    away = json.loads(saved)
    away["database"]["host"] = "/nonexistent"
    (world.state / "plan.json").write_text(json.dumps(away))
    code, result = world.boot()
    assert (code, result["outcome"]) == (4, "put back")
    assert "could not be withdrawn" in result["error"]
    world.wait_for("files")
    assert world.files() == files
    assert world.rows() == (1, len(files) - 1)
    (world.state / "plan.json").write_text(saved)
    pid = world.process()["pid"]
    assert world.hostswitch("resume")[0] == 4
    assert world.process()["pid"] == pid
    assert_before(world, files)


# What a switch does with its history, on a disk that others fill up in between.
RECORD_ON_A_FULL_DISK = """
import sys
from contextlib import suppress
from pathlib import Path
from hostswitch.record.history import History
state = Path(sys.argv[1])
history = History(state / "history.jsonl")
history.reserve()
with suppress(OSError), open(state / "others", "wb", buffering=0) as file:
    while True:
        file.write(bytes(4096))
history.add("switch", outcome="switched", told="x" * 100_000)
assert history.lines()[-1]["outcome"] == "switched"
"""


def test_no_switch_begins_that_could_not_be_recorded(world: World) -> None:
    """An unrecorded switch is one that no later run knows of: removal, flags undo and pruning err."""
    state, before = str(world.state), world.status()
    world.state.mkdir()
    world.run_inside("mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", state)
    world.run_inside("sh", "-c", f"head -c 900000 /dev/zero > {state}/others")
    # Enough for the check before it; the rest was taken meanwhile.
    code, result = world.hostswitch("switch", plan=world.plan(minimum_free_mb=0))
    assert code == 1 and "can't be given the space for this switch's record" in result["error"]
    assert "df -h" in result["error"] and world.status() == before
    world.run_inside("rm", f"{state}/others")
    world.run_inside(sys.executable, "-c", RECORD_ON_A_FULL_DISK, state)
    world.run_inside("umount", state)
    assert world.hostswitch("switch")[0] == 0


@pytest.mark.parametrize("last", ["ready", "stopped", "set-aside"])
def test_a_journal_that_lacks_lines_starts_no_version_on_the_other_settings(
    world: World, last: str
) -> None:
    """By hand, or by a disk that lied: the old version was "put back" on the new .env, or forgotten."""
    files = world.files()
    assert world.hostswitch("switch")[0] == 0
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", LOG_LEVEL="debug")
    flags = {**world.plan()["flags"], "LOG_LEVEL": "debug"}
    plan = world.plan(flags=flags, rollout_id="20261123T140000Z-flag")
    assert world.hostswitch("switch", plan=plan, die_at="done:swapped")[0] == -9
    journal = world.state / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    done = [entry.instant for entry in read(journal)].index(f"done:{last}")
    journal.write_text("".join(lines[: done + 1]))
    code, result = world.hostswitch("resume")
    assert (code, result["outcome"]) == (4, "put back"), result
    assert_after(world, files)
    assert world.seen_flags() == {"LOG_LEVEL": "info"}
    assert "LOG_LEVEL=info" in (world.app_dir / ".env").read_text()


def test_a_journal_that_lacks_lines_starts_no_files_beside_keys_that_moved(world: World) -> None:
    """By its lines nothing was active; by the database something is, and was used."""
    assert world.hostswitch("switch", die_at="start:healthy")[0] == -9
    world.wait_for("postgres")
    world.query("DELETE FROM whatsapp_keys WHERE key_type = 'pre-key' AND key_id = '1'")
    journal = world.state / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    done = [entry.instant for entry in read(journal)].index("done:swapped")
    journal.write_text("".join(lines[: done + 1]))
    code, result = world.hostswitch("resume")
    assert (code, result["outcome"]) == (5, "left stopped"), result
    assert "not as they were imported" in world.alarm.read_text()
    assert world.status() is None and not world.live.exists()
