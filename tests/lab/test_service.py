"""Profile `on-files`: the service on a real host as it was before the clean-up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from lab.fleet import hosts
from lab.profiles import profiles
from lab.profiles.service_install import (
    APP_DIR,
    COMPANY,
    PEER_DIR,
    TOOLS_DIR,
    USER,
    WAIT_FOR_STATUS,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="boots hosts, which needs root")

LIVE = f"{APP_DIR}/baileys_sessions/company_{COMPANY}"
LEGACY = (
    "baileys_sessions",
    "baileys_sessions_backup",
    "baileys_sessions.backup.phase07.20251107_200734",
    "baileys_test_auth",
)

Shell = Callable[[str], str]


@pytest.fixture(scope="module")
def root() -> Shell:
    """Runs a command as root on the service's host, fresh in the profile."""
    profiles.reset("on-files")
    return lambda command: hosts.get("wa-1").run(command, sudo=True).stdout.decode()


@pytest.fixture(scope="module")
def user(root: Shell) -> Shell:
    """Runs a command as the service's user in the checkout."""
    return lambda command: root(f"cd {APP_DIR} && sudo -H -u {USER} {command}")


def company() -> dict[str, object]:
    """What the running service says of its company."""
    answer = hosts.get("wa-1").run("python3 -", stdin=WAIT_FOR_STATUS.encode()).stdout
    return dict(json.loads(answer)["companies"][COMPANY])


def test_the_old_version_runs_on_its_files(root: Shell) -> None:
    """A rollout starts from this; with fewer keys it would prove less than it says."""
    said = company()
    assert (said["provider"], said["credentials"], said["keys"]) == ("files", True, 1313)
    assert int(root(f"ls {LIVE} | wc -l")) == 1313 + 1


def test_everything_belongs_to_the_services_user(root: Shell) -> None:
    """Files of another owner are ones that the service can't write: silent loss of keys."""
    assert root(f"find {APP_DIR} ! -user {USER}") == ""
    assert root(f"stat -c %a:%U {APP_DIR}/.env") == f"600:{USER}\n"


def test_what_the_clean_up_has_to_find_is_there(root: Shell, user: Shell) -> None:
    """The legacy directories, the seven scripts and the cron job."""
    assert root(f"cd {APP_DIR} && ls -d {' '.join(LEGACY)}").split() == sorted(LEGACY)
    assert int(root(f"ls {APP_DIR}/scripts | wc -l")) == 7
    assert "baileys-multitenancy-cleanup.js" in root(f"crontab -l -u {USER}")
    assert user("node scripts/test-baileys-cleanup.js") == "clean-up: ok\n"
    assert user("git status --porcelain") == ""


def test_the_next_release_installs_from_the_cache(root: Shell, user: Shell) -> None:
    """Debian's npm 9.2 accepts the lock file without addresses, and needs no network for it."""
    release = "/tmp/next-release"
    user(f"git clone --quiet --branch v2.0.0 /srv/git/ai-admin.git {release}")
    user(f"npm ci --prefix {release} --offline --no-progress")
    assert root(f"node --check {release}/src/session-pool.js") == ""
    root(f"rm -rf {release}")


def test_the_conversation_survives_a_power_cut(user: Shell) -> None:
    """Both ratchets are on disk: what was written before the cut is read after it."""
    say = f"node {TOOLS_DIR}/conversation.mjs"
    user(f"{say} peer-encrypt --text before --out {PEER_DIR}/message.json && sync")
    before = company()["keysByType"]
    hosts.power_cut("wa-1")
    assert company()["keysByType"] == before
    answer = user(f"{say} service-decrypt --provider files --in {PEER_DIR}/message.json")
    assert json.loads(answer)["texts"] == ["before", "before"]
    user(f"{say} service-reply --provider files --text reply --out {PEER_DIR}/reply.json")
    assert json.loads(user(f"{say} peer-decrypt --in {PEER_DIR}/reply.json"))["texts"] == ["reply"]
