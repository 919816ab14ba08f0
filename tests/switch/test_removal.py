"""Archive and removal of what a switch set aside: only proven, verified, due."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.spoiled import spoil

from .plans import APP, COMPANY, ROLLOUT
from .set_aside import BACKUP, LIVE, aside, verify
from .world import World


def test_archived_verified_proven_removed(world: World, plan: dict[str, Any]) -> None:
    assert world.hostswitch("archive", "--check", plan=plan)[0] == 2
    code, result = world.hostswitch("archive", plan=plan)
    assert (code, result["outcome"]) == (0, "archived")
    assert sorted(one["name"] for one in result["archives"]) == [LIVE, BACKUP]
    assert world.hostswitch("archive", "--check", plan=plan)[0] == 0
    assert world.hostswitch("remove", "--check", plan=plan)[0] == 2
    code, result = world.hostswitch("remove", plan=plan)
    assert (code, result["outcome"]) == (0, "waiting for verification")
    assert aside(world) == [LIVE, BACKUP]
    verify(world)
    code, result = world.hostswitch("remove", plan=plan)
    assert (code, result["outcome"]) == (0, "removed")
    assert result["freed"] > 0
    assert not (world.app_dir / ".set-aside").exists()
    assert world.hostswitch("remove", "--check", plan=plan)[0] == 0
    archives = {path.name for path in (world.place / "archive" / ROLLOUT).iterdir()}
    assert archives == {
        f"{n}.{e}" for n in (LIVE, BACKUP) for e in ("tar.zst.age", "manifest.jsonl")
    }
    history = (world.state / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in history] == [
        "switch",
        "archived",
        "verified",
        *("removing", "removed") * 2,
    ]


def test_a_removal_that_was_cut_off_before_its_record_is_recorded(
    world: World, plan: dict[str, Any]
) -> None:
    """What was deleted must be in the history, whenever the power failed."""
    world.hostswitch("archive", plan=plan)
    verify(world)
    assert world.hostswitch("remove", plan=plan)[0] == 0
    history = world.state / "history.jsonl"
    *before, last = history.read_text().splitlines(keepends=True)
    history.write_text("".join(before))
    code, shown = world.hostswitch("remove", "--check", plan=plan)
    assert (code, shown["changes"]) == (2, [f"record the removal of {BACKUP}"])
    assert world.hostswitch("remove", plan=plan)[0] == 0
    (lost,) = json.loads(last)["directories"]
    (recorded,) = json.loads(history.read_text().splitlines()[-1])["directories"]
    assert recorded == {**lost, "freed": None}
    assert world.hostswitch("remove", "--check", plan=plan)[0] == 0


def test_what_was_refused_at_the_last_moment_never_passes_for_removed(
    world: World, plan: dict[str, Any]
) -> None:
    """The operator moves it away next: that it is missing then says nothing about a removal."""
    world.hostswitch("archive", plan=plan)
    verify(world)
    place = world.app_dir / ".set-aside" / ROLLOUT
    for options in (["--bind"], ["-o", "remount,ro,bind"]):
        world.run_inside("mount", *options, str(place), str(place))
    code, result = world.hostswitch("remove", plan=plan)
    assert code != 0 and "Read-only" in str(result), result
    world.run_inside("umount", str(place))
    assert aside(world) == [LIVE, BACKUP]
    lines = [json.loads(one) for one in (world.state / "history.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines[-2:]] == ["removing", "not removed"]
    assert "Read-only" in lines[-1]["why"]
    (one,) = lines[-1]["directories"]
    (place / one["name"]).rename(world.place / "moved")
    assert not any(
        "record" in one for one in world.hostswitch("remove", "--check", plan=plan)[1]["changes"]
    )
    result = world.hostswitch("remove", plan=plan)[1]
    assert one["name"] not in [gone["name"] for gone in result["removed"]]


def test_before_its_day_nothing_is_removed(world: World, plan: dict[str, Any]) -> None:
    """Eleven days on the database: the way back to the files stays open until then."""
    later = {**plan, "remove_after_days": 11}
    world.hostswitch("archive", plan=later)
    verify(world)
    assert world.hostswitch("remove", "--check", plan=later)[0] == 0
    code, result = world.hostswitch("remove", plan=later)
    assert (code, result["outcome"]) == (0, "waiting")
    assert all(item["why"].startswith("removal due 20") for item in result["waiting"])
    assert aside(world) == [LIVE, BACKUP]


def test_a_failed_verification_removes_nothing(world: World, plan: dict[str, Any]) -> None:
    world.hostswitch("archive", plan=plan)
    verify(world)
    verify(world, good=False)
    assert world.hostswitch("remove", plan=plan)[1]["outcome"] == "waiting for verification"
    assert aside(world) == [LIVE, BACKUP]


def changed_key(_world: World) -> str:
    return """UPDATE whatsapp_keys SET value = '{"private": 1, "public": 2}'
               WHERE key_type = 'pre-key' AND key_id = '3'"""


def dropped_key(_world: World) -> str:
    return "DELETE FROM whatsapp_keys WHERE key_type = 'app-state-sync-key'"


def put_back_on_files(world: World) -> str:
    world.write_env(".env", USE_REPOSITORY_PATTERN="false")
    return "SELECT 1"


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (changed_key, "pre-key-3.json"),
        (dropped_key, "app-state-sync-key-AAAAAFo"),
        (put_back_on_files, "the service runs on files"),
    ],
)
def test_a_key_that_is_not_accounted_for_stops_every_removal(
    world: World, plan: dict[str, Any], harm: Any, named: str
) -> None:
    """The file may be the last copy of that key, or what the next start of the service reads."""
    world.hostswitch("archive", plan=plan)
    verify(world)
    world.query(harm(world))
    code, result = world.hostswitch("remove", plan=plan)
    assert (code, result["outcome"]) == (3, "refused")
    assert any(named in refusal for refusal in result["refusals"]), result["refusals"]
    assert aside(world) == [LIVE, BACKUP]


def test_without_an_archive_nothing_is_removed(world: World, plan: dict[str, Any]) -> None:
    verify(world)
    code, result = world.hostswitch("remove", plan=plan)
    assert code == 3
    assert all("no archive" in refusal for refusal in result["refusals"])


def test_a_damaged_archive_stops_removal(world: World, plan: dict[str, Any]) -> None:
    """An earlier proof is evidence, not permission: the archive is read again."""
    world.hostswitch("archive", plan=plan)
    verify(world)
    archive = world.place / "archive" / ROLLOUT / f"{BACKUP}.tar.zst.age"
    spoil(archive)
    code, _ = world.hostswitch("remove", plan=plan)
    assert code in (1, 3)
    assert aside(world) == [LIVE, BACKUP]


def test_a_directory_that_appears_again_is_set_aside_again(
    world: World, plan: dict[str, Any]
) -> None:
    """An empty one, as the old version makes at a stray start, is no cut-over."""
    (world.live / f"company_{COMPANY}").mkdir(parents=True)
    again = {**plan, "rollout_id": "20261123T140000Z-next"}
    code, result = world.hostswitch("switch", plan=again)
    assert (code, result["outcome"]) == (0, "switched")
    assert result["cut_over"] == []
    assert not world.live.exists()


def committed(world: World, number: int) -> str:
    """A commit of the host's repository, staged as the release's role does; its name."""
    mirror, made = world.app_dir / ".repository.git", world.place / "made"

    def git(*words: str) -> str:
        author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        command = ["git", *author, f"--git-dir={mirror}", f"--work-tree={made}", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    (made / "src").mkdir(parents=True, exist_ok=True)
    (made / "src" / "server.js").write_text(str(number))
    if not mirror.exists():
        git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "a release")
    name = git("rev-parse", "HEAD")
    release = world.release.parent / name
    shutil.copytree(made, release)
    (release / "REVISION").write_text(name)
    (release / ".env").symlink_to("../../.env")
    return name


def test_old_releases_go_after_the_verification_and_never_with_keys_in_them(
    world: World, plan: dict[str, Any]
) -> None:
    """A service that wrote its files below its release left them nowhere else."""
    releases = world.release.parent
    old, keys, failed, cache = (committed(world, number) for number in range(4))
    (releases / old / "src" / "node_modules" / "x").mkdir(parents=True)
    (releases / old / "src" / "node_modules" / "x" / "index.js").touch()
    (releases / keys / "baileys_sessions").mkdir()
    (releases / keys / "baileys_sessions" / "creds.json").write_text("{}")
    (releases / cache / "src" / "creds.json.bak").write_text("{}")
    unknown = "d" * 40
    (releases / unknown).mkdir()
    (releases / "notes").mkdir()
    code, result = world.hostswitch("prune", plan=plan)
    assert (code, result["outcome"]) == (0, "waiting for verification")
    assert (releases / old).is_dir()
    verify(world)
    code, result = world.hostswitch("prune", plan=plan)
    assert (code, result["outcome"]) == (0, "pruned"), result
    assert [one["name"] for one in result["pruned"]] == sorted([old, failed])
    assert all(one["freed"] > 0 for one in result["pruned"])
    staying = {line.split()[1]: line for line in result["staying"]}
    for name, why in ((keys, "/creds.json"), (cache, "src/creds.json.bak"), (unknown, "git")):
        assert why in staying[name[:12]]
    there = {world.release.name, keys, cache, unknown, "notes"}
    assert {path.name for path in releases.iterdir()} == there
    assert world.hostswitch("prune", "--check", plan=plan)[0] == 0
    assert world.status() is not None


def test_a_pruning_that_was_cut_off_is_ended_and_recorded(
    world: World, plan: dict[str, Any]
) -> None:
    """What a killed run renamed is no release any more: it must not stay for ever, unrecorded."""
    verify(world)
    old = committed(world, 0)
    (world.release.parent / old).rename(world.release.parent / f".pruning-{old}")
    code, shown = world.hostswitch("prune", "--check", plan=plan)
    assert (code, shown["changes"]) == (2, [f"remove what is left of the old release {old[:12]}"])
    assert world.hostswitch("prune", plan=plan)[1]["outcome"] == "pruned"
    assert [path.name for path in world.release.parent.iterdir()] == [world.release.name]
    last = json.loads((world.state / "history.jsonl").read_text().splitlines()[-1])
    assert (last["event"], [one["name"] for one in last["releases"]]) == ("pruned", [old])
    assert world.hostswitch("prune", "--check", plan=plan)[0] == 0


def test_the_daily_check_passes_after_a_rollout_and_names_what_changed_since(
    world: World, plan: dict[str, Any]
) -> None:
    """Nobody looks at a clean disk again, until the keys are in the wrong place."""
    world.hostswitch("archive", plan=plan)
    verify(world)
    world.hostswitch("remove", plan=plan)
    code, result = world.hostswitch("daily-check", plan=plan)
    assert (code, result["outcome"], result["archives"]) == (0, "passed", 2), result
    assert not world.alarm.exists()
    world.live.mkdir()
    archive = world.place / "archive" / ROLLOUT / f"{BACKUP}.tar.zst.age"
    spoil(archive)
    world.pm2("stop", APP)
    assert world.hostswitch("daily-check", plan=plan)[0] == 8
    alarm = world.alarm.read_text()
    for part in (f"{world.live} is there again", f"{archive} is damaged", "does not answer"):
        assert part in alarm
    last = json.loads((world.state / "history.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["outcome"], len(last["problems"])) == ("daily-check", "failed", 3)
