"""Run the tests: those that boot hosts, and beside them, in a process of their own, lint and all others.

The hosts leave a core idle most of the time, so the two take little longer than the longer one. Run
by ``make test`` and ``make soak``; ends with 1 if anything failed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WITHOUT_ROOT = ("tests/unit", "tests/store")
# With root: the switch with a real PM2 on this machine, and the lab's own tests, which boot hosts
# of their own beside the lab.
ON_THIS_MACHINE = (*WITHOUT_ROOT, "tests/switch", "tests/lab/test_lab_hosts.py")
ON_HOSTS = ("tests/lab", "--ignore=tests/lab/test_lab_hosts.py")


def pytest(words: tuple[str, ...]) -> list[str]:
    """The command that runs some folders of tests."""
    return [sys.executable, "-m", "pytest", *words]


def linted(words: list[str]) -> list[str]:
    """The command that runs another one if lint and types are in order."""
    return ["sh", "-c", 'make --no-print-directory lint && exec "$@"', "sh", *words]


def main() -> int:
    """Run what can be run as this user, and say what can't."""
    # A shell has what it starts in the background ignore Ctrl-C, and that is inherited by all that
    # the tests start, and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.geteuid() != 0:
        code = subprocess.run(linted(pytest(WITHOUT_ROOT)), cwd=ROOT, check=False).returncode
        print("Left out, for they need root: tests/lab (whole rollouts, faults, host checks on")
        print("booted hosts) and tests/switch (the host program with a real PM2).")
        return code
    print("Whole rollouts on the lab's hosts here; beside them all other tests, shown at the end.")
    with tempfile.TemporaryFile() as output:
        beside = subprocess.Popen(
            ["nice", *linted(pytest(ON_THIS_MACHINE))],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            on_hosts = subprocess.run(pytest(ON_HOSTS), cwd=ROOT, check=False).returncode
            on_this_machine = beside.wait()
        finally:
            beside.kill()
        output.seek(0)
        sys.stdout.write(output.read().decode(errors="replace"))
    return 1 if on_hosts or on_this_machine else 0


if __name__ == "__main__":
    raise SystemExit(main())
