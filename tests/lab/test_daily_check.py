"""The daily check on a real host: run by systemd, heard when it fails, gone when it is not wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.fleet import hosts
from lab.profiles.service_install import APP_DIR
from tests.lab import rig
from tests.lab.story import ROLLED_OUT

HOST_VARS = rig.ROOT / "host_vars"
SETTINGS = "/etc/baileys-rollout/daily-check.json"
SETTINGS_NAME = SETTINGS.rpartition("/")[2]
UNIT = "baileys-hostswitch-daily"
ALARM = "/var/log/the-alarm"
PASSWORD_IN_SIGHT = f"journalctl -u {UNIT} --no-pager | grep -cFf /root/password || true"


@pytest.fixture(scope="module")
def rolled_out(undisturbed: dict[str, Any]) -> Iterator[None]:
    """The hosts stand where the first rollout ended; settings of one host are gone afterwards."""
    hosts.reset(ROLLED_OUT)
    rig.wait_for_boot()
    rig.status()
    yield
    (HOST_VARS / "wa-1.yml").unlink(missing_ok=True)
    HOST_VARS.rmdir()


def declare(text: str) -> None:
    """Settings of the service host alone, rolled out; the service is not touched by them."""
    HOST_VARS.mkdir(exist_ok=True)
    (HOST_VARS / "wa-1.yml").write_text(text)
    pid = rig.status()["pid"]
    done = rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rig.status()["pid"] == pid


def shown() -> dict[str, Any]:
    """The last daily check, as `rollout status` tells."""
    answer = json.loads(rig.rollout("status", "lab", "--json").stdout)
    return dict(
        next(one for one in answer["hosts"] if one["host"] == rig.SERVICE_HOST)["daily_check"]
    )


def test_a_failing_daily_check_is_seen_and_heard(rolled_out: None) -> None:
    """At night nobody looks: the unit fails, the alarm is raised, the morning's verify says it."""
    declare(f"alarm_command: [tee, -a, {ALARM}]\n")
    assert rig.sh(f"stat -c %U:%a {SETTINGS}").strip() == "root:600"
    assert rig.sh(f"systemctl is-active {UNIT}.timer").strip() == "active"
    came_back = f"{APP_DIR}/baileys_sessions_backup"
    rig.sh(f"mkdir {came_back}")
    assert "failed" in rig.sh(f"systemctl start {UNIT} || systemctl is-failed {UNIT}")
    assert f"{came_back} is there again" in rig.sh(f"cat {ALARM}")
    assert shown()["outcome"] == "failed"
    verified = rig.rollout("verify", "lab", "--host", rig.SERVICE_HOST, "--only", "daily_check")
    assert verified.returncode == 1 and "is there again" in " ".join(verified.stdout.split())
    password = rig.sh(f"python3 -c \"import json; print(json.load(open('{SETTINGS}'))['database']"
                      "['password'])\" > /root/password; " + PASSWORD_IN_SIGHT)  # fmt: skip
    assert password.strip() == "0"
    assert "did not come to its end" not in rig.sh(f"cat {ALARM}"), "it was told once"
    rig.sh(f"mv {SETTINGS} /root/; systemctl start {UNIT}; mv /root/{SETTINGS_NAME} {SETTINGS}")
    died = f"grep 'did not come to its end (exit-code 1)' {ALARM}"
    assert rig.sh(f"for i in $(seq 50); do {died} && exit; sleep 0.2; done")

    rig.sh(f"rmdir {came_back}; systemctl start {UNIT}")
    assert shown()["outcome"] == "passed"
    verified = rig.rollout("verify", "lab", "--host", rig.SERVICE_HOST, "--only", "daily_check")
    assert verified.returncode == 0, verified.stdout


@rig.only_in_soak
def test_a_daily_check_that_is_not_wanted_leaves_no_password_behind(rolled_out: None) -> None:
    """A settings file that nobody needs is a password that nobody changes."""
    declare("daily_check: disabled\n")
    left = rig.sh(f"ls {SETTINGS} /etc/systemd/system/{UNIT}* 2>/dev/null || true")
    assert left == "" and "not be found" in rig.sh(f"systemctl status {UNIT}.timer 2>&1 || true")
    again = rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST)
    assert again.returncode == 0 and "wa-1: no changes (" in again.stdout, again.stdout
