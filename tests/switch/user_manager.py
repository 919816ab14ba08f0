"""A real systemd that runs units of this project: a user manager in namespaces of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SYSTEMD = "/lib/systemd/systemd"
ROOT = Path(__file__).parents[2]

# What the host has under /etc and /usr/local/sbin is there, and what is written there is gone afterwards. A
# user manager asks whether systemd runs the machine; as first process of its namespace it would be no user's.
_START = """
set -eu
echo $$ > "$1/cgroup.procs"
mount -t tmpfs none /run
mkdir -p /run/systemd/system /run/upper /run/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work none /etc
mount -t tmpfs none /usr/local/sbin
mkdir /etc/baileys-rollout
mount --bind "$2" /etc/baileys-rollout
cp "$3" /usr/local/sbin/
XDG_RUNTIME_DIR=$4 XDG_CONFIG_HOME=$5 {systemd} --user --log-target=console &
wait
"""


def can_run() -> bool:
    """Whether a manager can be started here: it needs systemd, and control groups to write."""
    return Path(SYSTEMD).exists() and os.access(_control_groups(), os.W_OK)


def _control_groups() -> Path:
    """Where systemd keeps its groups, in version 1 and 2."""
    root = Path("/sys/fs/cgroup")
    return root / "systemd" if (root / "systemd" / "cgroup.procs").exists() else root


class UserManager:
    """A running manager.

    Args:
        place: a directory of its own; ``etc`` in it is ``/etc/baileys-rollout`` to the units.
    """

    def __init__(self, place: Path) -> None:
        self.etc = place / "etc"
        self.units = place / "config" / "systemd" / "user"
        self.state = place / "state"
        self.runtime = place / "runtime"
        self.first_process = 0
        for directory in (self.etc, self.units, self.state, self.runtime):
            directory.mkdir(parents=True, mode=0o700)

    def systemctl(self, *arguments: str) -> str:
        """Ask or tell the manager; gives what it answers, whatever the exit code."""
        inside = ["nsenter", "--target", str(self.first_process), "--pid", "--mount"]
        done = subprocess.run(
            [*inside, "systemctl", "--user", *arguments],
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.runtime)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout + done.stderr

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so; units that others start come a moment later."""
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, self.systemctl("show", "--property=Id,Result", "*")
            time.sleep(0.05)


@contextmanager
def running_manager(place: Path) -> Iterator[UserManager]:
    """Start a manager, and end it with everything that it started.

    Args:
        place: an empty directory, not below ``/run``.
    """
    manager = UserManager(place)
    program = place / "baileys-hostswitch"
    command = f"{sys.executable} -m hostswitch --state {manager.state} --run {place}"
    program.write_text(f'#!/bin/sh\ncd {ROOT} && exec {command} "$@"\n')
    program.chmod(0o755)
    group = _control_groups() / f"rollout-test-{secrets.token_hex(4)}"
    group.mkdir()
    own = [group, manager.etc, program, manager.runtime, manager.units.parents[1]]
    script = _START.format(systemd=SYSTEMD)
    unshare = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    with (place / "log").open("wb") as log:
        machine = subprocess.Popen(
            [*unshare, "sh", "-c", script, "sh", *map(str, own)], stdout=log, stderr=log
        )
    try:
        manager.wait_until((manager.runtime / "systemd" / "private").exists)
        children = Path(f"/proc/{machine.pid}/task/{machine.pid}/children").read_text()
        manager.first_process = int(children)
        yield manager
    finally:
        machine.kill()
        machine.wait()
        _remove(group)


def _remove(group: Path) -> None:
    """The kernel lets go of a group a moment after its last process."""
    end = time.monotonic() + 10
    while group.exists() and time.monotonic() < end:
        for directory, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(directory).rmdir()
        time.sleep(0.05)
