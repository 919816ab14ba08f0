"""Run the tests: those that boot hosts, and beside them, in three processes, lint and all others.

Hosts and switches wait most of the time, so the four take little longer than the longest one. Run
by ``make test`` and ``make soak``; ends with 1 if anything failed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WITHOUT_ROOT = ("tests/unit", "tests/store")
# With root: the lab's own tests, which boot hosts of their own beside the lab; and the switch with a
# real PM2 on this machine, which waits for three of its four seconds and so has two processes.
LAB_ITSELF = "tests/lab/test_lab_hosts.py"
SWITCH = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/switch").glob("test_*.py"))
ON_HOSTS = ("tests/lab", f"--ignore={LAB_ITSELF}")


def pytest(*words: str) -> list[str]:
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
        code = subprocess.run(linted(pytest(*WITHOUT_ROOT)), cwd=ROOT, check=False).returncode
        print("Left out, for they need root: tests/lab (whole rollouts, faults, host checks on")
        print("booted hosts) and tests/switch (the host program with a real PM2).")
        return code
    print("Whole rollouts on the lab's hosts here; beside them all other tests, shown at the end.")
    with ExitStack() as stack:
        beside = [
            stack.enter_context(running(command))
            for command in (
                linted(pytest(*WITHOUT_ROOT, LAB_ITSELF)),
                pytest(*SWITCH[::2]),
                pytest(*SWITCH[1::2]),
            )
        ]
        on_hosts = subprocess.run(pytest(*ON_HOSTS), cwd=ROOT, check=False).returncode
        return 1 if any([on_hosts, *(end() for end in beside)]) else 0


@contextmanager
def running(command: list[str]) -> Iterator[Callable[[], int]]:
    """Run a command beside others; what it gives waits for its end, shows its output, gives its code."""
    with tempfile.TemporaryFile() as output:
        started = subprocess.Popen(
            ["nice", *command], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )

        def end() -> int:
            code = started.wait()
            output.seek(0)
            sys.stdout.write(output.read().decode(errors="replace"))
            return code

        try:
            yield end
        finally:
            started.kill()


if __name__ == "__main__":
    raise SystemExit(main())
