"""A rollout that has nothing to change, against an Ansible playbook that describes the same states.

Start-up is counted on both sides, and the runs are interleaved. Ansible has pipelining and
ControlPersist; its connections stay open between its runs, which is to its advantage. Both sides run
from compiled Python files, as an operator's machine has them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.lab_commands import converged, converged_five, program, row, seconds_of
from lab.fleet import hosts
from roles.hostprogram.command import starter, unpacked, zipapp

HOST, FIVE = "wa-1", "lab-five"


def compare(rounds: int) -> list[str]:
    """Time ``deploy.py`` on one host beside the playbook, and the whole command.

    Args:
        rounds: how often each side runs.

    Returns:
        The table's rows.
    """
    converged()
    with tempfile.TemporaryDirectory() as folder, hosts.hold():
        count = Path(folder) / "count"
        built = host_program(folder)
        counting = {"BENCH_COUNT": str(count)}
        ours, playbook, command = [], [], []
        for _ in range(rounds):
            ours.append(seconds_of(pyinfra(), counting))
            playbook.append(seconds_of(ansible("lab", "--limit", HOST), built))
            command.append(seconds_of([program("rollout"), "apply", "lab", "--host", HOST]))
        trips = count.read_text()
    return [
        row(
            f"converged `deploy.py`, 1 host, {trips} round trips; Ansible playbook", ours, playbook
        ),
        row("`rollout apply`, which verifies as well; Ansible playbook", command, playbook),
    ]


def compare_five(rounds: int) -> list[str]:
    """Time the look that ``rollout apply`` takes at five hosts, and all of it, beside the playbook.

    The look asks each host for every state that the playbook describes, and the database's host for
    its own; where nothing differs, ``apply`` adds the verification and nothing else.

    Args:
        rounds: how often each side runs.

    Returns:
        The table's rows.
    """
    converged_five()
    with tempfile.TemporaryDirectory() as folder, hosts.hold():
        built = host_program(folder)
        look, playbook, command = [], [], []
        for _ in range(rounds):
            look.append(seconds_of([program("rollout"), "plan", FIVE]))
            playbook.append(seconds_of(ansible(FIVE), built))
            command.append(seconds_of([program("rollout"), "apply", FIVE]))
    return [
        row("converged, 5 hosts: every state asked (`rollout plan`); playbook", look, playbook),
        row("the same and about 100 checks a host (`rollout apply`); playbook", command, playbook),
    ]


def pyinfra() -> list[str]:
    """pyinfra's own command, as the README shows it."""
    words = ["inventory/lab.py", "bench/deploy_counted.py", "--limit", HOST, "-y"]
    return [program("pyinfra"), *words]


def ansible(environment: str, *words: str) -> list[str]:
    """The playbook, on the hosts of an environment; five at once, which is Ansible's default."""
    playbook = ["-i", f"inventory/{environment}.yml", "bench/ansible/rollout.yml"]
    return [program("ansible-playbook"), *playbook, *words]


def host_program(folder: str) -> dict[str, str]:
    """The host program and its command, built for the playbook: the environment that names them."""
    program, command = Path(folder) / "hostswitch.pyz", Path(folder) / "baileys-hostswitch"
    program.write_bytes(zipapp())
    command.write_text(starter())
    return {
        "BENCH_ZIPAPP": str(program),
        "BENCH_UNPACKED": unpacked(),
        "BENCH_STARTER": str(command),
    }
