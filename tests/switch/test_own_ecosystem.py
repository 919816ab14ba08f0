"""The entries of a service's own ecosystem file outlive a switch, a put back and each death in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from . import own_ecosystem as own
from .outcomes import ON_FILES, ON_POSTGRES, assert_after, assert_before
from .own_ecosystem import BACKUP, BOT, FILE, ONCE, OTHER, SECRET, TEXT, listed
from .plans import APP
from .world import World


def test_own_entries_are_kept_and_jobs_wait_for_their_cron(world: World) -> None:
    """Started without its COMPANY_ID the service was another company, and made an identity."""
    own.start(world)
    files, before, others = world.files(), own.kept(world), listed(world)[OTHER]["pid"]
    assert {before[one]["state"] for one in (BACKUP, ONCE)} == {"stopped"}
    code, shown = world.hostswitch("preflight", plan=own.plan(world))
    assert (code, shown["refusals"]) == (2, [])
    assert SECRET not in json.dumps(shown)
    assert world.hostswitch("switch", plan=own.plan(world))[1]["outcome"] == "switched"
    assert_after(world, files)
    assert own.kept(world) == before
    apps = listed(world)
    assert apps[OTHER]["pid"] == others, "what is not declared is not touched"
    for name in (APP, BOT, BACKUP, ONCE):
        assert apps[name]["pm_cwd"] == str(world.app_dir / "current")
        assert apps[name]["kill_timeout"] == 5000
    assert Path(apps[APP]["pm_out_log_path"]).parent == world.app_dir / "logs"
    code, shown = world.hostswitch("preflight", plan=own.plan(world))
    assert (code, shown["changes"]) == (0, [])
    world.power_cut()
    world.power_on()
    world.pm2("resurrect")
    world.wait_for(ON_POSTGRES)
    assert own.kept(world) == before


def test_a_put_back_leaves_each_app_in_its_own_state(world: World) -> None:
    own.start(world)
    files, before = world.files(), own.kept(world)
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", DRILL="fail")
    assert world.hostswitch("switch", plan=own.plan(world))[1]["outcome"] == "put back"
    assert_before(world, files)
    assert own.kept(world) == before
    assert listed(world)[APP]["pm_cwd"] == str(world.app_dir)


def by_hand(world: World) -> None:
    clean = {"COMPANY_ID": "7", "EXTRA": SECRET}
    world.pm2("restart", APP, "--update-env", environment=clean)
    world.wait_for(ON_FILES)


def the_old_has_none(world: World) -> None:
    """It is not known whether anybody meant it; what the new file gives as well is no loss."""
    (world.app_dir / FILE).unlink()
    (world.release / FILE).write_text(TEXT.replace("'200M'", "'300M'"))


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (by_hand, ["COMPANY_ID", "EXTRA"]),
        (the_old_has_none, ["max_memory_restart"]),
    ],
)
def test_what_was_started_otherwise_than_its_file_is_refused_until_declared(
    world: World, harm: Callable[[World], None], named: list[str]
) -> None:
    own.start(world)
    harm(world)
    pid = listed(world)[APP]["pid"]
    code, result = world.hostswitch("switch", plan=own.plan(world))
    assert code == 3, result
    (refusal,) = result["refusals"]
    assert f"pm2_dropped: {json.dumps(named)}" in refusal and SECRET not in json.dumps(result)
    assert listed(world)[APP]["pid"] == pid
    code, result = world.hostswitch("preflight", plan=own.plan(world, pm2_dropped=named))
    assert (code, result["refusals"]) == (2, [])


def test_what_a_release_changes_in_its_file_is_no_loss(world: World) -> None:
    own.start(world)
    (world.release / FILE).write_text(TEXT.replace("'200M'", "'300M'").replace("'hunter2'", "'x'"))
    assert world.hostswitch("switch", plan=own.plan(world))[1]["outcome"] == "switched"
    app = own.as_started(world)
    assert (app["max_memory_restart"], app["env"]["TOKEN"]) == (300 << 20, "x")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (TEXT.replace("'fork'", "'cluster'"), f"app {APP} is not in fork mode"),
        (TEXT.replace(" exec_mode: 'fork',", ""), f"app {BOT} is not in fork mode"),
        (TEXT.replace("('bot'", "('renamed'"), "app bot is not in it"),
        (TEXT.replace("TOKEN: 'hunter2'", "LOG_LEVEL: 'silly'"), "exports LOG_LEVEL otherwise"),
        (TEXT.replace("watch: false", "kill_timeout: 9000"), "set kill_timeout_ms: 9000"),
        (TEXT.replace("'200M'", "'much'"), "can't be evaluated"),
        ("throw new Error('hunter2')", "can't be evaluated"),
        ("module.exports = { apps: 7 }", "describes no apps"),
        ("process.exit()", "can't be evaluated"),
        ("JSON.stringify = () => '[{\"name\": 7}]'\n" + TEXT, "describes no apps"),
        (None, "it is not there"),
    ],
)
def test_a_file_that_can_not_be_kept_is_refused_by_name(
    world: World, text: str | None, named: str
) -> None:
    """After the stop each would have been a put back."""
    own.start(world)
    (world.release / FILE).unlink()
    if text is not None:
        (world.release / FILE).write_text(text)
    pid = listed(world)[APP]["pid"]
    code, result = world.hostswitch("switch", plan=own.plan(world))
    assert code == 3 and any(named.lower() in one.lower() for one in result["refusals"]), result
    assert SECRET not in json.dumps(result) and listed(world)[APP]["pid"] == pid


def test_what_was_judged_is_what_starts_and_a_later_edit_is_seen(world: World) -> None:
    """The file is its user's: between the judgement and the start it can become another."""
    own.start(world)
    path = world.release / FILE
    edit = f"sed -i s/962302/7/ {path}"
    world.write_env(".env", USE_REPOSITORY_PATTERN="false", DRILL_AT_STOP=edit)
    world.pm2("restart", APP)
    world.wait_for(ON_FILES)
    assert world.hostswitch("switch", plan=own.plan(world))[1]["outcome"] == "switched"
    assert "'7'" in path.read_text()
    own.as_started(world)
    code, shown = world.hostswitch("preflight", plan=own.plan(world))
    (change,), (refusal,) = shown["changes"], shown["refusals"]
    assert code == 3 and f"exports another COMPANY_ID to {APP}" in change["sentence"]
    assert 'pm2_dropped: ["COMPANY_ID"]' in refusal


def test_a_job_that_runs_is_no_reason_to_put_back(world: World) -> None:
    """It ends when it is done, while the service settles or before."""
    text = TEXT.replace("cron_restart: '0 4 1 1 *'", "cron_restart: '*/3 * * * * *'")
    own.start(world, text)
    assert world.hostswitch("switch", plan=own.plan(world))[1]["outcome"] == "switched"


@pytest.mark.parametrize(
    "instant", ["done:stopped", "done:active", "intent:healthy", "start:healthy"]
)
@pytest.mark.parametrize("boots", [False, True])
def test_killed_at_a_row_it_is_the_judged_entries_that_start(
    world: World, instant: str, boots: bool
) -> None:
    own.start(world)
    files, before = world.files(), own.kept(world)
    assert world.hostswitch("switch", plan=own.plan(world), die_at=instant)[0] == -9
    (world.release / FILE).write_text("throw new Error('edited')")
    if boots:
        world.power_cut()
        world.boot()
    else:
        world.hostswitch("resume")
    (assert_before if instant == "done:stopped" else assert_after)(world, files)
    assert own.kept(world) == before
