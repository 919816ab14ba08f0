"""Flags on real hosts: toggled, proven in the process, undone; refused, put back, cured."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from lab.fleet import hosts
from lab.profiles.service_install import APP_DIR, PM2_APP
from tests.lab import rig
from tests.lab.story import ROLLED_OUT

YAML = rig.ROOT / "group_vars" / "lab" / "flags.yml"
HOST_VARS = rig.ROOT / "host_vars"
WHY = ("--reason", "a test")
SETTINGS = f"{APP_DIR}/current/src/settings.js"
# A release that can't start with this flag on; `node --check` sees nothing of it.
BREAK = (
    f"cp -p {SETTINGS} /root/settings.js && sed -i 's/^  dotenv.config()"
    '/&; if (process.env.MESSAGE_ECHO === "true") throw new Error("drill")/'
    f"' {SETTINGS} && grep -q drill {SETTINGS}"
)
MEND = f"cat /root/settings.js > {SETTINGS}"


def flags(*words: str) -> subprocess.CompletedProcess[str]:
    """`rollout flags …`."""
    return rig.rollout("flags", *words)


def toggled(*words: str) -> dict[str, Any]:
    """A toggle that must succeed, as JSON."""
    done = flags(*words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def everywhere(name: str) -> tuple[str | None, ...]:
    """A flag in the file, in the process and as the service reports it, as `show` says."""
    done = flags("show", "lab", "--json")
    (host,) = json.loads(done.stdout)["hosts"]
    assert host["failure"] == "", host
    (row,) = (row for row in host["rows"] if row["name"] == name)
    return row["file"], row["process"], row["service"]


@pytest.fixture(scope="module")
def rolled_out(undisturbed: dict[str, Any]) -> Iterator[None]:
    """The new version runs on the database; the checkout's YAML is as it was afterwards."""
    before = YAML.read_text()
    hosts.reset(ROLLED_OUT)
    rig.wait_for_boot()
    rig.status()
    yield
    YAML.write_text(before)


def test_a_flag_is_toggled_seen_and_undone(rolled_out: None) -> None:
    """The operator's whole trust: what was declared is what the process has, and back again."""
    declared, live = YAML.read_text(), rig.sh(f"cat {APP_DIR}/.env")
    pid = rig.status()["pid"]
    report = toggled("set", "lab", "MESSAGE_ECHO=yes", *WHY)
    (host,) = report["hosts"]
    assert host["changes"] == [{"name": "MESSAGE_ECHO", "from": "false", "to": "true"}]
    assert 0 < host["without_service"] < host["seconds"]
    assert rig.status()["flags"]["MESSAGE_ECHO"] == "true"
    assert rig.status()["pid"] != pid
    assert everywhere("MESSAGE_ECHO") == ("true", "true", "true")
    assert YAML.read_text() == declared.replace('ECHO: "false"', 'ECHO: "true"')
    assert rig.sh(f"cat {APP_DIR}/.env") == live.replace("ECHO=false", "ECHO=true")
    assert flags("show", "lab").returncode == 0

    pid = rig.status()["pid"]
    again = toggled("set", "lab", "MESSAGE_ECHO=true", *WHY)
    assert again["hosts"][0]["outcome"] == "already so"
    assert rig.status()["pid"] == pid

    undone = toggled("undo", "lab")
    assert undone["changes"] == [{"name": "MESSAGE_ECHO", "from": "true", "to": "false"}]
    assert everywhere("MESSAGE_ECHO") == ("false", "false", "false")
    assert YAML.read_text() == declared and rig.sh(f"cat {APP_DIR}/.env") == live
    history = json.loads(flags("history", "lab", "MESSAGE_ECHO", "--json").stdout)["changes"]
    assert [one["how"] for one in history[-2:]] == ["set", "undo"]
    assert history[-1]["undoes"] == history[-2]["rollout_id"] == report["rollout_id"]
    # The last change that is left is the cut-over: nothing goes back over that.
    refused = flags("undo", "lab")
    assert refused.returncode == 1 and "changes data" in refused.stderr


@rig.only_in_soak
def test_a_canary_is_told_until_it_is_undone(rolled_out: None) -> None:
    """A canary that nobody remembers is drift with a reason."""
    toggled("set", "lab", "LOG_LEVEL=debug", "--host", "wa-1", *WHY)
    shown = flags("show", "lab")
    assert shown.returncode == 0 and "canary: LOG_LEVEL=debug on wa-1 only" in shown.stdout
    assert everywhere("LOG_LEVEL") == ("debug", "debug", "debug")
    toggled("undo", "lab")
    assert not HOST_VARS.exists()
    assert everywhere("LOG_LEVEL") == ("info", "info", "info")


def test_both_or_neither_provider_never_reaches_a_host(rolled_out: None) -> None:
    """The service would refuse to start, or have two truths."""
    logins = "journalctl -u ssh --no-pager | grep -c Accepted"
    before, declared = int(rig.sh(logins)), YAML.read_text()
    toggle = flags("set", "lab", "USE_REPOSITORY_PATTERN=false", *WHY)
    assert toggle.returncode == 1 and "rollout plan lab" in toggle.stderr
    cases = {'SUPABASE: "false"': 'SUPABASE: "true"', 'PATTERN: "true"': 'PATTERN: "false"'}
    try:
        for old, new in cases.items():
            YAML.write_text(declared.replace(old, new))
            for words in (("set", "lab", "LOG_LEVEL=debug", *WHY), ("show", "lab")):
                refused = flags(*words)
                assert refused.returncode == 1 and "no host was contacted" in refused.stderr
            assert flags("check").returncode == 1
    finally:
        YAML.write_text(declared)
    assert int(rig.sh(logins)) == before + 1


@rig.only_in_soak
def test_what_does_not_become_healthy_is_put_back_with_its_yaml(rolled_out: None) -> None:
    """A declaration that no host can run would break the next rollout, and the one after."""
    declared, live = YAML.read_text(), rig.sh(f"cat {APP_DIR}/.env")
    rig.sh(BREAK)
    try:
        failed = flags("set", "lab", "MESSAGE_ECHO=true", *WHY)
    finally:
        rig.sh(MEND)
    assert failed.returncode == 1
    assert "The YAML was put back" in failed.stdout and "wa-1: put back" in failed.stdout
    assert YAML.read_text() == declared and rig.sh(f"cat {APP_DIR}/.env") == live
    assert rig.status()["flags"]["MESSAGE_ECHO"] == "false"
    assert flags("show", "lab").returncode == 0


def test_a_host_that_can_not_be_asked_changes_nothing(rolled_out: None) -> None:
    """Better no toggle than one that is half declared."""
    declared = YAML.read_text()
    hosts.cut_off(rig.SERVICE_HOST)
    try:
        failed = flags("set", "lab", "MESSAGE_ECHO=true", *WHY)
    finally:
        hosts.reconnect(rig.SERVICE_HOST)
    assert failed.returncode == 1 and "can't be reached" in failed.stderr
    assert YAML.read_text() == declared


@rig.only_in_soak
def test_an_exported_value_is_found_cured_and_stays_cured(rolled_out: None) -> None:
    """dotenv never overrides what PM2 exported once; a reboot must not bring it back."""
    rig.as_service(f"LOG_LEVEL=error pm2 restart {PM2_APP} --update-env && pm2 save", APP_DIR)
    rig.status()
    shown = flags("show", "lab")
    assert shown.returncode == 2 and "shadows the .env" in shown.stdout
    planned = rig.rollout("plan", "lab", "--host", rig.SERVICE_HOST)
    assert planned.returncode == 2
    assert "PM2 exported another value" in " ".join(planned.stdout.split())
    toggled("set", "lab", "LOG_LEVEL=info", *WHY)
    assert flags("show", "lab").returncode == 0
    hosts.power_cut(rig.SERVICE_HOST)
    rig.wait_for_boot()
    rig.status()
    assert everywhere("LOG_LEVEL") == ("info", "info", "info")
    assert flags("show", "lab").returncode == 0
    assert YAML.read_text().count("info") == 1
