"""A copy of the project with an environment of its own, `trial`, and the real command over it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ..good_settings import GIVEN

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "correct horse battery"
INVENTORY = """all:
  children:
    trial:
      children:
        service:
          hosts:
            wa-1:
              ansible_host: 127.0.0.1
              ansible_port: 1
              companies: ["962302"]
"""
VAULT = "vault_database_owner_password: owner-s3cret\nvault_database_app_password: app-s3cret\n"
SECRETS = {
    f"database_{role}_password": f"{{{{ vault_database_{role}_password }}}}"
    for role in ("owner", "app")
}


def declare(project: Path, files: Mapping[str, str], vault: str = VAULT) -> None:
    """Declare the environment `trial` anew: its files, and its encrypted vault."""
    for folder in ("group_vars", "host_vars", "inventory/host_vars"):
        shutil.rmtree(project / folder, ignore_errors=True)
    (project / "inventory/trial.yml").write_text(INVENTORY)
    python = (ROOT / "inventory/lab.py").read_text().replace('"lab"', '"trial"')
    (project / "inventory/trial.py").write_text(python)
    (project / "password").write_text(PASSWORD)
    good = {**GIVEN, **SECRETS}
    del good["companies"], good["service_home"]
    lines = "".join(f"{name}: {json.dumps(value)}\n" for name, value in good.items())
    for name, text in {"group_vars/all/good.yml": lines, **files}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    path = project / "group_vars/trial/vault.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(encrypted(vault))


@cache
def encrypted(text: str) -> str:
    """A text as Ansible Vault encrypts it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "password").write_text(PASSWORD)
        done = subprocess.run(
            [
                Path(sys.executable).with_name("ansible-vault"),
                *("encrypt", "--vault-id", "trial@password", "--encrypt-vault-id", "trial"),
                *("--output", "-", "-"),
            ],
            input=text,
            text=True,
            check=True,
            capture_output=True,
            cwd=folder,
        )
    return done.stdout


def run(project: Path, *command: str, **odd: str) -> subprocess.CompletedProcess[str]:
    """Run a program in the copy, as an operator would."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ROLLOUT_VAULT_PASSWORD_FILE": str(project / "password"), **odd},
    )
