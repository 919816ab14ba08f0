"""The put back can't fail where the way there did not: hosts as they are found, and bad nights."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .machine import FILL
from .outcomes import ON_FILES, assert_after, assert_before
from .plans import APP
from .world import World

NOBODY = 65534


def mounted(world: World, path: object, size: str) -> None:
    world.run_inside("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))


def place_of_the_user(world: World) -> None:
    """After `chown -R USER: APP_DIR`, or a backup that was restored as that user."""
    place = world.app_dir / ".set-aside"
    place.mkdir(mode=0o700)
    os.chown(place, NOBODY, NOBODY)


def place_open_to_others(world: World) -> None:
    (world.app_dir / ".set-aside").mkdir(mode=0o755)


def place_a_link(world: World) -> None:
    (world.place / "volume").mkdir(mode=0o700)
    (world.app_dir / ".set-aside").symlink_to(world.place / "volume")


def place_on_another_file_system(world: World) -> None:
    (world.app_dir / ".set-aside").mkdir(mode=0o700)
    mounted(world, world.app_dir / ".set-aside", "1M")


def pm2_home_a_link(world: World) -> None:
    world.pm2_home.rename(world.place / "volume")
    world.pm2_home.symlink_to(world.place / "volume")


def application_a_link(world: World) -> None:
    world.app_dir.rename(world.place / "volume")
    world.app_dir.symlink_to(world.place / "volume")


def releases_a_link(world: World) -> None:
    releases = world.app_dir / "releases"
    releases.rename(world.place / "volume")
    releases.symlink_to(world.place / "volume")


def kept_env_a_directory(world: World) -> None:
    (world.app_dir / ".env.previous").mkdir()


def env_mounted_over(world: World) -> None:
    env = str(world.app_dir / ".env")
    world.run_inside("mount", "--bind", env, env)


def current_a_directory(world: World) -> None:
    (world.app_dir / "current").mkdir()


def dump_a_link(world: World) -> None:
    dump = world.pm2_home / "dump.pm2"
    dump.rename(world.place / "dump")
    dump.symlink_to(world.place / "dump")


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (place_of_the_user, "chown -h root:"),
        (place_open_to_others, "chmod 700"),
        (place_a_link, ".set-aside"),
        (place_on_another_file_system, ".set-aside"),
        (pm2_home_a_link, "a link leads there"),
        (application_a_link, "a link leads there"),
        (releases_a_link, "a link leads there"),
        (kept_env_a_directory, ".env.previous"),
        (env_mounted_over, "umount"),
        (current_a_directory, "is no link"),
        (dump_a_link, "dump.pm2"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_could_not_be_put_back_is_refused_in_preflight(
    world: World, harm: Callable[[World], None], named: str
) -> None:
    """Each passed, and was found out with the service stopped."""
    harm(world)
    before = world.status()
    for command in ("preflight", "switch"):
        code, result = world.hostswitch(command)
        assert (code, result["outcome"]) == (3, "refused"), result
        assert any(named in refusal for refusal in result["refusals"]), result["refusals"]
    assert world.status() == before
    assert not (world.state / "journal.jsonl").exists()


@pytest.mark.parametrize(
    ("command", "name"),
    [("preflight", ".env"), ("preflight", "."), ("switch", "baileys_sessions_backup")],
)
def test_what_can_not_be_renamed_is_refused_before_the_stop(
    world: World, command: str, name: str
) -> None:
    """Only the rename itself tells: row 0 tries it, on to a directory that is in its way."""
    before, path = world.tree(), str(world.app_dir / name)
    subprocess.run(["chattr", "+i", path], check=True)
    try:
        code, result = world.hostswitch(command)
    finally:
        subprocess.run(["chattr", "-i", path], check=True)
    assert (code, result["outcome"]) == (3, "refused"), result
    assert "lsattr -d" in result["refusals"][0]
    assert world.status() is not None and world.tree() == before
    assert world.hostswitch("switch")[0] == 0


CHOWN = f"chown {NOBODY} {{0}}/.set-aside {{0}}/.set-aside/*"
NIGHTS = [
    ("app", FILL, "put back"),
    ("app", CHOWN, "put back"),
    ("pm2", FILL, "error"),
    ("state", FILL, "switched"),
]


@pytest.mark.parametrize(
    ("on_a_small_disk", "harm", "outcome"),
    NIGHTS,
    ids=["full application", "chown", "full PM2", "full state"],
    indirect=["on_a_small_disk"],
)
@pytest.mark.parametrize("failing", [False, True], ids=["well", "not healthy"])
def test_a_bad_night_between_stop_and_start(
    on_a_small_disk: tuple[World, Path], harm: str, outcome: str, failing: bool
) -> None:
    """The way there may fail then; the way back may not."""
    world, volume = on_a_small_disk
    files = world.files()
    world.write_env(
        ".env", USE_REPOSITORY_PATTERN="false", DRILL_AT_STOP=f"'{harm.format(volume)}'"
    )
    drill = {"DRILL": "fail"} if failing else {}
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", **drill)
    world.pm2("restart", APP)
    world.wait_for(ON_FILES)
    _, result = world.hostswitch("switch", plan=world.plan(minimum_free_mb=0))
    assert result["outcome"] == ("put back" if failing else outcome), result
    (volume / "others").unlink(missing_ok=True)
    if outcome == "error" and not failing:
        assert "became healthy" in result["error"]
        assert world.hostswitch("resume")[1]["outcome"] == "switched"
        assert_after(world, files)
    elif failing or outcome == "put back":
        assert_before(world, files)
    else:
        assert_after(world, files)


TAKEN = {
    "kept .env gone": "rm -f .env.previous",
    "kept .env edited": "echo A=1 >> .env.previous",
    "kept .env a directory": "rm -f .env.previous; mkdir .env.previous",
    ".env a directory": "rm -f .env; mkdir .env",
    ".env gone": "rm -f .env .env.previous",
    "kept current gone": "rm -f .current.previous",
    "current elsewhere": "ln -sfn / current",
    "kept dump gone": "rm -f $PM2_HOME/dump.pm2.before-switch",
    "dump gone": "rm -f $PM2_HOME/dump.pm2*",
}


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
def test_what_the_new_version_takes_away_keeps_no_old_one_from_starting(
    world: World, taken: str
) -> None:
    """What lies beside the live files is the service's own to change, and it may be its first act."""
    files = world.files()
    taken = taken.replace("$PM2_HOME", str(world.pm2_home))
    drill = f"cd {world.app_dir}; {taken}"
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", DRILL="fail", DRILL_AT_START=drill)
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (4, "put back"), result
    world.wait_for(ON_FILES)
    assert world.files() == files
