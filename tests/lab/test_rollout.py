"""The whole path on real hosts: plan, roll out, prove, roll out again, lose power."""

from __future__ import annotations

import json

import pytest

from lab.fleet import hosts
from lab.profiles.service_install import APP_DIR, COMPANY
from tests.lab import rig
from tests.lab.story import LEGACY, ROLLED_OUT, Story

KEYS = 1313


@pytest.fixture(scope="module")
def story(first_rollout: Story) -> Story:
    """What the first rollout showed; the hosts stand where it ended."""
    hosts.reset(ROLLED_OUT)
    rig.wait_for_boot()
    rig.status()
    return first_rollout


def test_plan_lists_every_change_and_changes_nothing(story: Story) -> None:
    """A plan that changes something, or hides something, can't be trusted on a production server."""
    assert story.plan is not None and story.plan.returncode == 2, story.plan
    text = " ".join(story.plan.stdout.split())
    for words in (
        "Create roles and database",
        "Migrate the schema",
        "Stage the release v2.0.0",
        "USE_REPOSITORY_PATTERN false → true",
        f"import company {COMPANY} (1313 keys)",
        *(f"set {name}" for name in LEGACY),
        *(f"archive {name}, encrypted" for name in LEGACY),
        *(f"remove {name} after the verification" for name in LEGACY),
        "Retire the clean-up cron job",
        "Archive the retired scripts",
    ):
        assert words in text, f"{words!r} is not in the plan:\n{story.plan.stdout}"
    assert "{'" not in text, "a plan is for people"
    assert story.after_plan == story.before


def test_every_key_is_read_back_equal_by_the_real_library(story: Story) -> None:
    """Counting rows proves nothing: a key that Baileys does not find is a customer without WhatsApp."""
    assert len(story.keys_in_files) == KEYS + 1
    assert story.keys_in_database == story.keys_in_files


def test_report_holds_what_was_measured(story: Story) -> None:
    """The report is what the operator shows others; each figure must come from this run."""
    switch = story.wa["switch"]
    counts = switch["companies"][COMPANY]
    assert counts == {
        **{"keys_before": KEYS, "keys_imported": KEYS, "keys_after": KEYS},
        **{"credentials_before": 1, "credentials_after": 1},
    }
    assert switch["dispositions"] == {"equal": KEYS + 1}
    assert 0 < switch["seconds_without_service"] < 60
    assert {entry["name"] for entry in story.wa["removed"]} == set(LEGACY)
    assert sum(entry["files"] for entry in story.wa["removed"]) == sum(
        entry["files"] for entry in story.wa["archives"]
    )
    assert sum(entry["freed"] for entry in story.wa["removed"]) > 4_100_000
    assert story.wa["checks"]["failed"] == 0 and story.wa["checks"]["passed"] >= 25
    assert any("WhatsApp" in reason for reason in story.wa["not_checked"])


def test_legacy_directories_are_gone_and_archived(story: Story) -> None:
    """What is deleted must be readable elsewhere, by whoever holds the identity, and by nobody else."""
    files = rig.tree(APP_DIR)
    assert not [path for path in files if path.startswith(tuple(f"{APP_DIR}/{x}" for x in LEGACY))]
    assert f"{APP_DIR}/.set-aside" not in files or not [x for x in files if "/.set-aside/" in x]
    archives = rig.tree("/var/backups/baileys-rollout")
    held = [path for path in archives if path.endswith(".tar.zst.age")]
    assert len(held) == len(LEGACY)
    assert all(archives[path][2] == "0o600" for path in held)


def test_peer_message_decrypts_and_the_reply_too(story: Story) -> None:
    """The conversation goes on: a ratchet that went back would answer “No session record”."""
    assert rig.service_reads() == [rig.MESSAGE, rig.MESSAGE]
    assert rig.peer_reads_reply("and answered after it") == ["and answered after it"]


def test_the_plan_of_a_host_that_does_not_answer_is_an_error(story: Story) -> None:
    """“Nothing to do” from a database that nobody could ask would be a lie."""
    rig.sh("systemctl stop postgresql@17-main", host=rig.DATABASE_HOST)
    plan = rig.rollout("plan", "lab", "--host", rig.SERVICE_HOST)
    rig.sh("systemctl start postgresql@17-main", host=rig.DATABASE_HOST)
    assert plan.returncode == 1, plan.stdout
    assert "connect" in plan.stdout
    rig.status(60)


def test_second_rollout_changes_nothing_and_restarts_nothing(story: Story) -> None:
    """Whoever repeats a rollout at night must not interrupt anybody."""
    pid = rig.status()["pid"]
    again = rig.rollout("apply", "lab")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "wa-1: no changes (" in again.stdout and "db-1: no changes (" in again.stdout
    assert rig.status()["pid"] == pid
    assert rig.rollout("plan", "lab").returncode == 0


def test_status_and_disk_check_answer(story: Story) -> None:
    """“Is the disk really clean?” must be one command."""
    disk = rig.rollout("verify", "lab", "--only", "disk")
    assert disk.returncode == 0, disk.stdout
    shown = json.loads(rig.rollout("status", "lab", "--json").stdout)
    (answer,) = [one for one in shown["hosts"] if one["host"] == rig.SERVICE_HOST]
    assert answer["set_aside"] == []


def test_power_cut_after_the_rollout_brings_the_service_back(story: Story) -> None:
    """A server loses power some day; nobody may have to log in for the service to return."""
    hosts.power_cut(rig.SERVICE_HOST)
    rig.wait_for_boot()
    answer = rig.status(60)
    assert answer["provider"] == "postgres"
    assert answer["companies"][COMPANY]["keys"] == KEYS
    verified = rig.rollout("verify", "lab")
    assert verified.returncode == 0, verified.stdout
