"""What a remote command costs the host checks, beside testinfra's own ssh backend on the same host."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import testinfra
import testinfra.host

from lab.fleet import hosts
from rollout.environment.environment import SERVICE, Host, load
from rollout.hosts.ssh import Connections
from tests.host.support.declared import Declared
from tests.host.support.target import Target

COMMANDS = 20
ENVIRONMENT = "lab"


def compare(rounds: int) -> list[str]:
    """Ask one lab host the same through both, in turn.

    Both stand when the clock starts: ours with its one connection, testinfra's default, which makes
    a connection for each command, with nothing to keep.

    Args:
        rounds: how many times each side asks ``COMMANDS`` questions.

    Returns:
        The table's row: medians in seconds a command, and the other's as a multiple of ours.
    """
    hosts.up()
    environment = load(ENVIRONMENT)
    host = environment.in_group(SERVICE)[0]
    ours: list[float] = []
    default: list[float] = []
    with Connections() as connections:
        target = Target(Declared(environment, host), connections)
        beside = default_backend(host)
        for side in (target.host, beside):
            asked(side, 1)
        for _ in range(rounds):
            ours.append(asked(target.host, COMMANDS))
            default.append(asked(beside, COMMANDS))
        target.close()
    return [row(median(ours), median(default))]


def row(ours: float, default: float) -> str:
    """The table's row."""
    what = "a remote command of the checks; testinfra's default ssh backend"
    return f"| {what} | {ours:.4f} | {default:.4f} | {default / ours:.0f} × faster |"


def asked(side: Any, count: int) -> float:
    """Seconds a command: ``true`` as root, the exit code looked at."""
    ask: Callable[[str], Any] = side.run
    began = time.perf_counter()
    for _ in range(count):
        found = ask("true")
        assert found.rc == 0, found
    return (time.perf_counter() - began) / count


def default_backend(host: Host) -> testinfra.host.Host:
    """testinfra as it comes, with what it needs to reach the host."""
    pinned = f"-o UserKnownHostsFile={host.known_hosts_file}" if host.known_hosts_file else None
    return testinfra.get_host(
        f"ssh://{host.user}@{host.address}:{host.port}",
        ssh_identity_file=host.key_file,
        ssh_extra_args=pinned,
        sudo=True,
    )
