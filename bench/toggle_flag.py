"""A flag toggled by `rollout flags set` against an Ansible playbook (lineinfile, pm2 restart).

Both begin with the command and end when the service itself reports the value; start-up is counted.
"""

from __future__ import annotations

import json
import tempfile

from bench.lab_commands import converged, program, row, seconds_of
from rollout.environment.environment import SERVICE, load

PLAYBOOK = "bench/ansible/toggle_flag.yml"
FLAG, VALUES = "MESSAGE_ECHO", ("true", "false")


def compare(rounds: int) -> list[str]:
    """Toggle on and off, by each side in turn.

    Args:
        rounds: how many times each side toggles it on and off.

    Returns:
        The table's row: medians in seconds, and the ratio.
    """
    converged()
    ours, beside = [], []
    for _ in range(rounds):
        ours += [by_rollout(value) for value in VALUES]
        beside += [by_playbook(value) for value in VALUES]
    return [row("toggle a flag; Ansible: lineinfile, pm2 restart, wait", ours, beside)]


def by_rollout(value: str) -> float:
    """Seconds of the project's own command: validated, gated, proven in the process, recorded."""
    words = [program("rollout"), "flags", "set", "lab", f"{FLAG}={value}", "--reason", "bench"]
    return seconds_of(words)


def by_playbook(value: str) -> float:
    """Seconds of the playbook."""
    host = load("lab").in_group(SERVICE)[0]
    names = ("app_dir", "service_user", "service_app", "service_port")
    given = {name: host.settings[name] for name in names} | {"flag": FLAG, "value": value}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as variables:
        json.dump(given, variables)
        variables.flush()
        words = [program("ansible-playbook"), "-i", "inventory/lab.yml", PLAYBOOK]
        return seconds_of([*words, "--extra-vars", f"@{variables.name}"])
