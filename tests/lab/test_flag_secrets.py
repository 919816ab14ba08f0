"""Secrets and overrides on a real host: from the vault into the .env, masked wherever people read."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.fleet import hosts
from lab.profiles.service_install import APP_DIR
from tests.lab import rig
from tests.lab.story import ROLLED_OUT

GROUP, HOST = rig.ROOT / "group_vars" / "service", rig.ROOT / "host_vars" / "wa-1"
# As the lab's own vault: by its name, with the password that Ansible's client script finds.
VAULT_ID = {"ANSIBLE_VAULT_IDENTITY_LIST": "lab@inventory/vault-password-client.py"}


@pytest.fixture
def token(undisturbed: dict[str, Any]) -> Iterator[str]:
    """A secret that the group's vault holds; overrides of the group, and others of the host."""
    hosts.reset(ROLLED_OUT)
    rig.wait_for_boot()
    rig.status()
    made = secrets.token_urlsafe(24)
    for folder in (GROUP, HOST):
        folder.mkdir(parents=True)
    try:
        vault = GROUP / "vault.yml"
        vault.write_text(f"vault_api_token: {made}\nvault_level: warn\n")
        program = str(Path(sys.executable).parent / "ansible-vault")
        words = [program, "encrypt", "--encrypt-vault-id", "lab", str(vault)]
        subprocess.run(words, cwd=rig.ROOT, env={**os.environ, **VAULT_ID}, check=True)
        (GROUP / "flags.yml").write_text(
            'service_secrets: {API_TOKEN: "{{ vault_api_token }}"}\n'
            'flag_overrides: {LOG_LEVEL: trace, MESSAGE_ECHO: "true"}\n'
        )
        (HOST / "flags.yml").write_text('flag_overrides: {LOG_LEVEL: "{{ vault_level }}"}\n')
        yield made
    finally:
        shutil.rmtree(GROUP)
        shutil.rmtree(HOST.parent)


@rig.only_in_soak
def test_a_secret_reaches_the_env_and_nobody_elses_eyes(token: str) -> None:
    """A token in a report is a token in a ticket; and a host's own word counts more than its group's."""
    said = [planned := rig.rollout("plan", "lab", "--host", rig.SERVICE_HOST)]
    assert planned.returncode == 2, planned.stdout + planned.stderr
    changes = planned.stdout.splitlines()
    for name in ("API_TOKEN", "LOG_LEVEL"):
        (line,) = (line for line in changes if name in line)
        assert line.endswith(f"{name} *** → ***"), planned.stdout
    assert "MESSAGE_ECHO" not in planned.stdout, (
        "the host's overrides take the place of its group's"
    )

    said.append(applied := rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST, "--json"))
    assert applied.returncode == 0, applied.stdout + applied.stderr
    live = rig.sh(f"cat {APP_DIR}/.env").splitlines()
    assert f"API_TOKEN={token}" in live
    assert "LOG_LEVEL=warn" in live and "MESSAGE_ECHO=false" in live
    assert rig.status()["flags"]["LOG_LEVEL"] == "warn"

    said.append(shown := rig.rollout("flags", "show", "lab"))
    lines = [line for line in shown.stdout.splitlines() if "LOG_LEVEL" in line]
    assert shown.returncode == 0 and all("***" in line for line in lines) and lines
    assert "warn" not in shown.stdout
    said += [rig.rollout(*words) for words in (
        ("flags",), ("flags", "history", "lab", "--json"), ("status", "lab", "--json"),
        ("verify", "lab", "--host", rig.SERVICE_HOST, "--only", "environment_file", "--json"),
    )]  # fmt: skip
    read = [one.stdout + one.stderr for one in said]
    read += [path.read_text() for path in (rig.ROOT / ".rollout" / "reports").glob("*.json")]
    read.append(rig.sh("cat /var/lib/baileys-rollout/history.jsonl; journalctl --no-pager -b"))
    assert not [text for text in read if token in text]
