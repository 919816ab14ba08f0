"""A directory that a rollout took away is put back by the operator's command: exactly, or not at all."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from lab.fleet import hosts
from lab.profiles.service_install import APP_DIR
from tests.lab import rig
from tests.lab.story import ROLLED_OUT, Story

LIVE, BACKUP = "baileys_sessions", "baileys_sessions_backup"
# Where an identity would be left behind by mistake.
PLACES = "/etc /root /run /tmp /var/lib/baileys-rollout /var/log /var/backups /opt/ai-admin/.env*"


@pytest.fixture(scope="module")
def story(first_rollout: Story) -> Story:
    """The directories were removed and are archived; the service runs on PostgreSQL."""
    hosts.reset(ROLLED_OUT)
    rig.wait_for_boot()
    rig.status()
    return first_rollout


def restore(*words: str) -> subprocess.CompletedProcess[str]:
    """`rollout sessions restore lab wa-1 …`."""
    return rig.rollout("sessions", "restore", "lab", rig.SERVICE_HOST, *words)


def below(files: dict[str, Any], name: str) -> dict[str, Any]:
    """Those of a tree's files that are in a legacy directory."""
    return {path: what for path, what in files.items() if path.startswith(f"{APP_DIR}/{name}/")}


def test_refused_while_the_service_could_feed_from_it(story: Story) -> None:
    """Old ratchets under a service that reads files: messages lost on both sides, for good."""
    env = f"{APP_DIR}/.env"
    rig.sh(f"cp -p {env} /root/.env && sed -i 's/^USE_REPOSITORY_PATTERN=.*/X=1/' {env}")
    try:
        refused = restore(LIVE)
    finally:
        rig.sh(f"cat /root/.env > {env}")
    said = " ".join(refused.stdout.split())
    assert refused.returncode == 1 and "its ratchets would go back" in said, said
    assert not below(rig.tree(APP_DIR), LIVE)


def test_an_archived_directory_comes_back_exactly(story: Story) -> None:
    """Names, modes, owners and contents as before the rollout; the identity stays off the disk."""
    asked = restore(BACKUP, "--check")
    assert asked.returncode == 2 and not below(rig.tree(APP_DIR), BACKUP), asked.stderr
    done = restore(BACKUP, "--reason", "case 4711", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["outcome"]) == (0, "restored"), done.stderr
    assert answer["archive"].endswith(f"/{BACKUP}.tar.zst.age")
    assert below(rig.tree(APP_DIR), BACKUP) == below(story.before["files"], BACKUP)
    assert rig.sh(f"grep -rlsI AGE-SECRET-KEY {PLACES} || true") == ""
    (line,) = (one for one in history() if one["event"] == "restored")
    assert (line["reason"], line["rollout_id"]) == ("case 4711", answer["rollout_id"])
    again = restore(BACKUP)
    assert again.returncode == 1 and "in its place already" in " ".join(again.stdout.split())


def test_a_set_aside_directory_comes_back_exactly(story: Story) -> None:
    """Between set aside and removed it is a rename away, and needs no identity."""
    set_aside_again = rig.pyinfra("--limit", rig.SERVICE_HOST)
    assert set_aside_again.returncode == 0, set_aside_again.stderr
    assert not below(rig.tree(APP_DIR), BACKUP)
    names = json.loads(rig.sh("baileys-hostswitch status"))["set_aside"]
    (kept,) = (one["set_aside_by"] for one in names if one["name"] == BACKUP)
    both = restore(BACKUP)
    assert both.returncode == 1 and "--set-aside-by" in " ".join(both.stderr.split())
    done = restore(BACKUP, "--set-aside-by", kept)
    assert done.returncode == 0 and f"{BACKUP} is back" in done.stdout, done.stderr
    assert below(rig.tree(APP_DIR), BACKUP) == below(story.before["files"], BACKUP)
    assert "restored" in rig.rollout("status", "lab").stdout


def test_what_was_never_declared_is_refused_with_what_there_is(story: Story) -> None:
    """A mistyped name must not be looked for on a host, but named."""
    wrong = restore("baileys_session")
    assert wrong.returncode == 1 and "there are: baileys_sessions," in " ".join(
        wrong.stderr.split()
    )


def history() -> list[dict[str, Any]]:
    """The host's own record."""
    text = rig.sh("cat /var/lib/baileys-rollout/history.jsonl")
    return [json.loads(line) for line in text.splitlines()]
