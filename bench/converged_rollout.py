"""A rollout that has nothing to change, against an Ansible playbook that describes the same states.

Start-up is counted on both sides, and the runs are interleaved. Ansible has pipelining and
ControlPersist; its connections stay open between its runs, which is to its advantage.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.lab_commands import ROOT, converged, program, row, seconds_of
from lab import hosts

HOST = "wa-1"


def compare(rounds: int) -> list[str]:
    """Time ``deploy.py`` on one host beside the playbook, pyinfra as it comes, and the whole command.

    Args:
        rounds: how often each side runs.

    Returns:
        The table's rows.
    """
    with tempfile.TemporaryDirectory() as folder, hosts.hold():
        converged()
        count = Path(folder) / "count"
        zipapp = Path(folder) / "hostswitch.pyz"
        subprocess.run(
            [sys.executable, "-m", "hostswitch.build", str(zipapp)], check=True, cwd=ROOT
        )
        counting = {"BENCH_COUNT": str(count)}
        ours, plain, playbook, command = [], [], [], []
        for _ in range(rounds):
            ours.append(seconds_of(pyinfra(), counting))
            playbook.append(seconds_of(ansible(), {"BENCH_ZIPAPP": str(zipapp)}))
            plain.append(seconds_of(pyinfra(), {**counting, "BENCH_AS_IT_COMES": "1"}))
            command.append(seconds_of([program("rollout"), "apply", "lab", "--host", HOST]))
        trips = count.read_text()
    return [
        row(
            f"converged `deploy.py`, 1 host, {trips} round trips; Ansible playbook", ours, playbook
        ),
        row("the same; pyinfra without TCP_NODELAY", ours, plain),
        row("`rollout apply`, which verifies as well; Ansible playbook", command, playbook),
    ]


def pyinfra() -> list[str]:
    """pyinfra's own command, as the README shows it."""
    words = ["inventory/lab.py", "bench/deploy_counted.py", "--limit", HOST, "-y"]
    return [program("pyinfra"), *words]


def ansible() -> list[str]:
    """The playbook, on the same host."""
    words = ["-i", "inventory/lab.yml", "bench/ansible/rollout.yml", "--limit", HOST]
    return [program("ansible-playbook"), *words]
