"""A journal that takes no line any more, files that a stop lost, and a version started meanwhile."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from hostswitch.record.journal import read

from .ending import until
from .machine import FILL
from .outcomes import ON_FILES, ON_POSTGRES, assert_after, assert_before
from .plans import APP
from .world import World


def running(world: World, **settings: str) -> dict[str, str]:
    """Start the old version with settings of its own; gives its files."""
    world.write_env(".env", USE_REPOSITORY_PATTERN="false", **settings)
    world.pm2("restart", APP)
    world.wait_for(ON_FILES)
    return world.files()


@contextmanager
def mended(*paths: Path) -> Iterator[None]:
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *paths], check=True)


@pytest.mark.parametrize("by", ["DRILL_AT_STOP", "DRILL_AT_START"])
@pytest.mark.parametrize("failing", [False, True], ids=["well", "not healthy"])
def test_a_journal_that_takes_no_line_keeps_no_service_down(
    world: World, by: str, failing: bool
) -> None:
    """What is on the disk leads a boot to the same end; only an active import is not taken back."""
    journal = world.state / "journal.jsonl"
    once = f"mkdir {world.place}/once && chattr +i {journal} {world.state} || true"
    broken = {by: f"'{once}'"}
    files = running(world, **(broken if by == "DRILL_AT_STOP" else {}))
    drill = {"DRILL": "fail"} if failing else {}
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", **broken, **drill)
    with mended(journal, world.state):
        code, result = world.hostswitch("switch")
        told = result["error"]
        assert told[:200] in world.alarm.read_text()
        if by == "DRILL_AT_STOP":
            assert (code, result["outcome"]) == (4, "put back"), result
            world.wait_for(ON_FILES)
        elif failing:
            assert (code, result["outcome"]) == (5, "left stopped"), result
            assert world.status() is None
        else:
            assert code == 1 and "the new version became healthy, but" in told
            world.wait_for(ON_POSTGRES)
    assert "can't be written" in told and "baileys-hostswitch resume" in told
    if by == "DRILL_AT_STOP":
        assert world.hostswitch("resume")[0] == 4
        assert_before(world, files)
    elif not failing:
        assert world.hostswitch("resume")[0] == 0
        assert_after(world, files)


@pytest.mark.parametrize("harm", ["rm -r {}", "sed -i s/4711/4712/ {}/creds.json"])
def test_no_resume_starts_on_credentials_that_a_stop_lost(world: World, harm: str) -> None:
    """It would make a new identity, and its end would remove the only copy."""
    files = running(world, DRILL_AT_STOP=f"'{harm.format(world.company)}'")
    for command in ("switch", "resume"):
        assert world.hostswitch(command)[1]["outcome"] == "left stopped"
        assert world.status() is None
    world.power_cut()
    assert world.boot()[1]["outcome"] == "left stopped"
    assert world.status() is None
    (copy,) = (world.state / "copies").glob("*/baileys_sessions")
    shutil.copytree(copy, world.live, dirs_exist_ok=True)
    assert world.hostswitch("resume")[1]["outcome"] == "put back"
    assert_before(world, files)


@pytest.mark.parametrize("on_a_small_disk", ["pm2"], indirect=True)
def test_torn_files_are_not_started_at_a_boot_whose_disk_is_full(
    on_a_small_disk: tuple[World, Path],
) -> None:
    """PM2's dump still names the old version there, and can't be written anew."""
    world, volume = on_a_small_disk
    running(world, DRILL_TEAR="1")
    plan = world.plan(minimum_free_mb=0)
    assert world.hostswitch("switch", plan=plan, die_at="stop:stopped")[0] == -9
    world.power_cut()
    subprocess.run(["sh", "-c", FILL.format(volume)], check=True)
    world.power_on()
    assert world.hostswitch("resume", "--boot", "before-pm2")[1]["outcome"] == "left stopped"
    world.pm2("resurrect")
    assert world.pm2("jlist").endswith("[]")
    assert world.hostswitch("resume", "--boot", "after-pm2")[1]["outcome"] == "left stopped"
    assert (world.company / "creds.json").read_text() == '{"me":'
    assert "is not whole" in world.alarm.read_text()


@pytest.mark.parametrize("by", ["PM2", "hand"])
def test_a_version_that_somebody_starts_meanwhile_is_no_cut_over(world: World, by: str) -> None:
    """It uses up keys whose rows would be active a moment later."""
    files = running(world, DRILL_AT_STOP="'sleep 1'")
    journal = world.state / "journal.jsonl"
    script = f"{world.app_dir}/src/server.js"

    def meddle() -> None:
        until(lambda: "intent:stopped" in [one.instant for one in read(journal)])
        with psycopg.connect(
            host=str(world.server), user="postgres", dbname=world.database
        ) as holding:
            holding.execute("LOCK TABLE whatsapp_imports IN ACCESS EXCLUSIVE MODE")
            until(lambda: "intent:imported" in [one.instant for one in read(journal)])
            if by == "PM2":
                world.pm2("start", script, "--name", APP, "--cwd", str(world.app_dir))
            else:
                idle = f"cd {world.app_dir}; node -e 'setTimeout(() => 0, 60000)' & sleep 1"
                world.run_inside("sh", "-c", idle)

    meddling = threading.Thread(target=meddle)
    meddling.start()
    code, result = world.hostswitch("switch")
    meddling.join()
    assert (code, result["outcome"]) == (4, "put back"), result
    assert "started while the service was to be down" in result["error"]
    assert_before(world, files)


@pytest.mark.parametrize("on_a_small_disk", ["state"], indirect=True)
@pytest.mark.parametrize("harm", [FILL, "mount -o remount,ro {}"], ids=["full", "read-only"])
@pytest.mark.parametrize("booted", [False, True], ids=["at once", "at a boot"])
def test_a_killed_switch_is_put_back_beside_a_journal_that_is_only_read(
    on_a_small_disk: tuple[World, Path], harm: str, booted: bool
) -> None:
    """After a power cut a file system may come up like that, and nobody is there."""
    world, volume = on_a_small_disk
    files = world.files()
    plan = world.plan(minimum_free_mb=0)
    assert world.hostswitch("switch", plan=plan, die_at="staged:imported")[0] == -9
    if booted:
        world.power_cut()
        world.power_on()
    world.run_inside("sh", "-c", harm.format(volume))
    code, result = world.boot() if booted else world.hostswitch("resume")
    assert (code, result["outcome"]) == (4, "put back"), result
    world.wait_for(ON_FILES)
    assert world.files() == files and world.rows() == (0, 0)
    world.run_inside("sh", "-c", f"mount -o remount,rw {volume}; rm -f {volume}/others")
    world.hostswitch("resume")
    assert_before(world, files)


def test_a_put_back_that_fails_rings_and_is_ended_by_a_resume(world: World) -> None:
    kept = world.state / "dump.pm2.before"
    harm = f"cp {kept} {world.place}; echo [ > {kept}; echo >> {world.app_dir}/.env"
    files = running(world, DRILL_AT_STOP=f"'{harm}'")
    assert world.hostswitch("switch")[1]["outcome"] == "left stopped"
    assert "and putting back failed" in world.alarm.read_text()
    shutil.copy(world.place / kept.name, kept)
    assert world.hostswitch("resume")[1]["outcome"] == "put back"
    assert_before(world, files)


def test_a_daemon_that_dies_at_the_stop_is_started_for_the_put_back(world: World) -> None:
    files = running(world, DRILL_AT_STOP=f"'kill -9 $(cat {world.pm2_home}/pm2.pid); sleep 1'")
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (4, "put back"), result
    assert_before(world, files)
