"""What the switch must refuse before it touches anything: the service goes on running on its files."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.fleet import hosts
from lab.profiles.service_install import APP_DIR, COMPANY
from tests.lab import rig

LIVE = f"{APP_DIR}/baileys_sessions/company_{COMPANY}"
CASES = {
    "an unknown file": (
        f"echo '{{}}' > {LIVE}/strange-thing-1.json",
        f"rm {LIVE}/strange-thing-1.json",
        "strange-thing-1.json",
    ),
    "a symlink out of the tree": (
        f"ln -s /etc/hostname {LIVE}/pre-key-9999.json",
        f"rm {LIVE}/pre-key-9999.json",
        "pre-key-9999.json",
    ),
    "half-written credentials": (
        f"cp -p {LIVE}/creds.json /root/creds.whole && truncate -s 100 {LIVE}/creds.json",
        f"cat /root/creds.whole > {LIVE}/creds.json && rm /root/creds.whole",
        "creds.json",
    ),
}


@pytest.fixture(scope="module")
def on_files(staged: str) -> Iterator[int]:
    """The old version runs on its files, everything is staged; its process id."""
    hosts.reset(staged)
    rig.wait_for_boot()
    yield int(rig.status()["pid"])


@pytest.mark.parametrize("case", CASES)
def test_what_it_cannot_account_for_is_refused(on_files: int, case: str) -> None:
    """Guessing here loses keys; stopping first would lose the service as well."""
    plant, unplant, name = CASES[case]
    rig.sh(plant)
    before = rig.tree(APP_DIR)
    plan = rig.rollout("plan", "lab", "--host", rig.SERVICE_HOST)
    applied = rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST)
    after = rig.tree(APP_DIR)
    rig.sh(unplant)
    assert (plan.returncode, applied.returncode) == (1, 1)
    assert name in "".join(plan.stdout.split()) and name in "".join(applied.stdout.split())
    assert rig.status()["pid"] == on_files
    assert after == before
    assert rig.rows() == []


def test_neither_provider_is_refused_before_any_host_is_contacted(
    on_files: int, tmp_path: Path
) -> None:
    """The new version would refuse to start, after the old one had been stopped."""
    copy = tmp_path / "checkout"
    ignored = shutil.ignore_patterns(".venv", ".git", ".cache", ".mypy_cache", ".rollout")
    shutil.copytree(rig.ROOT, copy, ignore=ignored)
    flags = copy / "group_vars" / "lab" / "flags.yml"
    flags.write_text(
        flags.read_text().replace(
            'USE_REPOSITORY_PATTERN: "true"', 'USE_REPOSITORY_PATTERN: "false"'
        )
    )
    logins = "journalctl -u ssh --no-pager | grep -c Accepted"
    before = int(rig.sh(logins))
    applied = subprocess.run(
        [sys.executable, "-m", "rollout.cli.main", "apply", "lab"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 1
    assert "No auth state provider configured" in applied.stderr
    assert "no host was contacted" in applied.stderr
    # The two looks at the log are the only logins.
    assert int(rig.sh(logins)) == before + 1


def test_several_active_hosts_are_refused(on_files: int) -> None:
    """Plain pyinfra would run each step on all hosts before the next (docs/facts.md section 5)."""
    refused = rig.pyinfra()
    assert refused.returncode == 1
    assert "rollout apply lab" in refused.stderr


def test_ansible_reads_the_same_inventory(on_files: int) -> None:
    """An operator's own Ansible commands work on the same files, vault included."""
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible"),
            "-i",
            "inventory/lab.yml",
            "all",
            "-m",
            "ping",
        ],
        cwd=rig.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == 2


@rig.only_in_soak
def test_a_failure_stops_the_rollout_and_names_who_is_untouched(on_files: int) -> None:
    """Ctrl-C or a broken first host must never be followed by the next one."""
    hosts.cut_off(rig.DATABASE_HOST)
    applied = rig.rollout("apply", "lab")
    hosts.reconnect(rig.DATABASE_HOST)
    assert applied.returncode == 1
    assert "Untouched: wa-1" in applied.stdout
    assert rig.status()["pid"] == on_files


def test_an_interrupted_rollout_is_a_failure(on_files: int) -> None:
    """A wrapper that reads 0 after Ctrl-C would take the rollout for done."""
    with subprocess.Popen(
        [str(Path(sys.executable).parent / "rollout"), "apply", "lab"],
        cwd=rig.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if "Install PostgreSQL" in line:
                break
        child.send_signal(signal.SIGINT)
        said = child.stderr.read()
    assert child.returncode == 130
    assert "Interrupted" in said
