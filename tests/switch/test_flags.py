"""A flag from its declaration to the process, on a real PM2, a real PostgreSQL and the real dotenv."""

from __future__ import annotations

import getpass
import os
from typing import Any

import pytest

from hostswitch.envfile.values import parse
from tests import instants

from .plans import APP
from .world import World

LEVEL = "LOG_LEVEL"
HAND_WRITTEN = "# by hand: keep\nNOTE='a # b'\n"
TOGGLE = "20261123T140000Z-flag"
# Between the write, the rename and the restart; in a soak every line of the journal around them.
FEW = ["current:swapped", "start:healthy"]
ROWS = ("ready", "stopped", "swapped", "healthy")
INSTANTS = [one for one in instants.INSTANTS if one.split(":")[1] in ROWS]
SOAK = bool(os.environ.get("ROLLOUT_SOAK"))


@pytest.fixture
def on_rows(world: World) -> World:
    """A host after its cut-over, with lines in its .env that nobody declared."""
    assert world.hostswitch("switch")[0] == 0
    live = world.app_dir / ".env"
    live.write_text(HAND_WRITTEN + live.read_text())
    world.pm2("restart", APP)
    world.wait_for("postgres")
    return world


def declared(world: World, level: str) -> dict[str, Any]:
    """The plan of a host that is to have this log level."""
    flags = {**world.plan()["flags"], LEVEL: level}
    return world.plan(flags=flags, rollout_id=TOGGLE)


def stage(world: World, level: str) -> tuple[int, dict[str, Any]]:
    """Stage the next .env as `rollout` does."""
    plan = {
        "env_live": str(world.app_dir / ".env"),
        "env_next": str(world.app_dir / ".env.next"),
        "service_user": getpass.getuser(),
        "settings": {**world.plan()["flags"], LEVEL: level},
        "secret_names": [],
        "never_secret": [LEVEL],
    }
    return world.hostswitch("env", plan=plan)


def seen(world: World, level: str) -> dict[str, Any]:
    """What the host shows of the log level."""
    plan = {
        "env_live": str(world.app_dir / ".env"),
        "service_user": getpass.getuser(),
        "pm2_home": str(world.pm2_home),
        "service_app": APP,
        "status_url": f"http://127.0.0.1:{world.port}/status",
        "flags_at": "flags",
        "declared": {LEVEL: level, "POSTGRES_PASSWORD": "sécret"},
        "names": [LEVEL, "POSTGRES_PASSWORD"],
        "secret_names": ["POSTGRES_PASSWORD"],
    }
    code, result = world.hostswitch("flags", plan=plan)
    assert code == 0
    assert result["flags"]["POSTGRES_PASSWORD"]["file"] == "********"
    return dict(result["flags"][LEVEL])


def agreeing(level: str) -> dict[str, Any]:
    """All four places show one value."""
    return {
        "file": level,
        "process": level,
        "source": "file",
        "service": level,
        "told": True,
        "repeated": False,
    }


def test_a_toggle_is_seen_everywhere_and_a_later_edit_waits_for_a_restart(on_rows: World) -> None:
    """Whoever edits the .env by hand believes the flag is on; the process says otherwise."""
    world = on_rows
    assert seen(world, "info") == agreeing("info")
    assert stage(world, "debug")[1]["changes"] == [{"name": LEVEL, "from": "info", "to": "debug"}]
    code, result = world.hostswitch("switch", plan=declared(world, "debug"))
    assert (code, result["outcome"]) == (0, "switched")
    assert 0 < result["seconds_without_service"] < 20
    assert seen(world, "debug") == agreeing("debug")
    live = world.app_dir / ".env"
    assert live.read_text().startswith(HAND_WRITTEN)
    assert "LOG_LEVEL=info" in (world.app_dir / ".env.previous").read_text()

    live.write_text(live.read_text().replace("LOG_LEVEL=debug", "LOG_LEVEL=warn"))
    pending = {**agreeing("debug"), "file": "warn"}
    assert seen(world, "warn") == pending
    world.pm2("restart", APP)
    world.wait_for("postgres")
    assert seen(world, "warn") == agreeing("warn")


def test_an_exported_value_is_found_cured_and_stays_cured(on_rows: World) -> None:
    """dotenv never overrides what PM2 exported once (docs/facts.md section 3), nor does a reboot."""
    world = on_rows
    world.pm2_environment(LOG_LEVEL="error")
    world.pm2("save")
    found = seen(world, "info")
    assert (found["file"], found["process"], found["source"]) == ("info", "error", "exported")
    code, plan = world.hostswitch("preflight", plan=declared(world, "info"))
    assert code == 2
    assert any("LOG_LEVEL: PM2 exported" in change["sentence"] for change in plan["changes"])
    code, result = world.hostswitch("switch", plan=declared(world, "info"))
    assert (code, result["outcome"]) == (0, "switched")
    assert seen(world, "info") == agreeing("info")

    world.pm2("resurrect")
    assert seen(world, "info") == agreeing("info")
    world.power_cut()
    world.boot()
    world.wait_for("postgres")
    assert seen(world, "info") == agreeing("info")


@pytest.mark.parametrize("booted", [False, True], ids=["at once", "at a boot"])
@pytest.mark.parametrize("cut", ["between the renames", "after the files"])
def test_a_put_back_that_no_line_tells_of_is_not_recorded_as_switched(
    on_rows: World, booted: bool, cut: str
) -> None:
    """The disk took no line after the start: its journal asks for the gate, which the old .env passes."""
    world = on_rows
    live, journal_file = world.app_dir / ".env", world.state / "journal.jsonl"
    before = live.read_bytes()
    (world.app_dir / ".env.next").write_bytes(before + b"DRILL=fail\n")
    (world.app_dir / ".env.next").chmod(0o600)
    plan = world.plan(rollout_id=TOGGLE)
    assert world.hostswitch("switch", plan=plan, die_at="files:put-back")[0] == -9
    lines = journal_file.read_bytes().splitlines(keepends=True)
    told = [one for one in lines if b'"step": "put-back"' not in one]
    assert b'"start"' in told[-1] and len(told) < len(lines)
    journal_file.write_bytes(b"".join(told))
    if cut == "between the renames":
        live.rename(world.app_dir / ".env.previous")
    if booted:
        world.power_cut()
    code, result = world.boot() if booted else world.hostswitch("resume")
    assert (code, result["outcome"]) == (4, "put back"), result
    assert "a put back had begun" in result["error"], "the cause is told, whoever ends it"
    assert live.read_bytes() == before
    assert (world.app_dir / ".env.next").read_bytes() == before + b"DRILL=fail\n"
    world.wait_for("postgres")


@pytest.mark.parametrize("instant", INSTANTS if SOAK else FEW)
def test_a_killed_toggle_tears_nothing_and_the_next_run_converges(
    on_rows: World, instant: str
) -> None:
    """A controller or host that dies in the middle must not leave a third state behind."""
    world = on_rows
    live = world.app_dir / ".env"
    before = live.read_bytes()
    assert stage(world, "debug")[0] == 0
    after = (world.app_dir / ".env.next").read_bytes()
    assert world.hostswitch("switch", plan=declared(world, "debug"), die_at=instant)[0] == -9
    assert live.read_bytes() in (before, after)
    assert stage(world, "debug")[0] == 0
    assert world.hostswitch("switch", plan=declared(world, "debug"))[0] == 0
    world.wait_for("postgres")
    assert seen(world, "debug") == agreeing("debug")
    assert parse(live.read_bytes())["NOTE"] == "a # b"
