"""A flag toggled by `rollout flags set` against an Ansible playbook (lineinfile, pm2 restart).

Both begin with the command and end when the service itself reports the value; start-up is counted. On
the lab's hosts, which must be rolled out: ``python -m bench.toggle_flag``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rollout.inventory import SERVICE, load

ROOT = Path(__file__).resolve().parent.parent
PLAYBOOK = "bench/toggle_flag.yml"
FLAG, VALUES = "MESSAGE_ECHO", ("true", "false")


def compare(rounds: int) -> list[str]:
    """Toggle on and off in turn, by each side.

    Args:
        rounds: how many toggles each side does; an even number leaves the flag as it was.

    Returns:
        Rows of a table: medians in seconds, and the ratio.
    """
    ours, theirs, absent = [], [], []
    for number in range(rounds):
        value = VALUES[number % len(VALUES)]
        seconds, report = timed([*_program("rollout"), "flags", "set", "lab", f"{FLAG}={value}",
                                 "--reason", "bench", "--json"])  # fmt: skip
        ours.append(seconds)
        absent.append(json.loads(report)["hosts"][0]["without_service"])
    for number in range(rounds):
        value = VALUES[number % len(VALUES)]
        theirs.append(by_playbook(value))
    ratio = median(theirs) / median(ours)
    return [
        f"| toggle a flag, proven; lineinfile + pm2 restart | {median(ours):.2f} |"
        f" {median(theirs):.2f} | {ratio:.2f} |",
        f"| of ours without service | {median(absent):.2f} | not measured | |",
    ]


def by_playbook(value: str) -> float:
    """Seconds of the playbook."""
    host = load("lab").in_group(SERVICE)[0]
    names = ("app_dir", "service_user", "service_app", "service_port")
    given = {name: host.settings[name] for name in names} | {"flag": FLAG, "value": value}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as variables:
        json.dump(given, variables)
        variables.flush()
        words = [*_program("ansible-playbook"), "-i", "inventory/lab.yml", PLAYBOOK]
        seconds, _ = timed([*words, "--extra-vars", f"@{variables.name}"])
    return seconds


def timed(words: list[str]) -> tuple[float, str]:
    """Wall seconds of a command and what it printed; it must succeed."""
    started = time.monotonic()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return seconds, done.stdout


def _program(name: str) -> list[str]:
    return [str(Path(sys.executable).parent / name)]


if __name__ == "__main__":
    for row in compare(4):
        print(row)
