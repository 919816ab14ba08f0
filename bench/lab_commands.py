"""What the comparisons on the lab's hosts run: the project's commands, and those of the other side."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from lab.fleet import hosts
from lab.profiles import profiles

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent


def seconds_of(words: list[str], extra: Mapping[str, str] | None = None) -> float:
    """Run a command from the project's root to its end and say how long it took, start-up included.

    Args:
        words: the command.
        extra: further environment variables.

    Raises:
        RuntimeError: it failed; what it said last is the error.
    """
    began = time.monotonic()
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**without_uncompiled(os.environ), **(extra or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.monotonic() - began
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()[-15:]
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n" + "\n".join(said))
    return took


def without_uncompiled(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variable that keeps Python from storing what it compiled.

    An operator's machine compiles a file once; with that variable it does so in each run, but for
    the files that pip had compiled, which are most of Ansible's.
    """
    return {name: it for name, it in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}


def program(name: str) -> str:
    """The path of a command of this environment."""
    return str(PROGRAMS / name)


def converged(profile: str = "on-files") -> None:
    """Have the lab's hosts in a profile and rolled out, so that a rollout changes nothing."""
    hosts.up()
    profiles.reset(profile)
    seconds_of([program("rollout"), "apply", "lab", "--reason", "bench"])


def converged_five() -> None:
    """Have the lab's five service hosts rolled out; those that are up and in the profile stay."""
    profiles.up("five")
    seconds_of([program("rollout"), "apply", "lab-five", "--reason", "bench"])


def row(what: str, ours: list[float], beside: list[float]) -> str:
    """A line of the table: medians in seconds, and how many times faster ours is."""
    mine, other = median(ours), median(beside)
    return f"| {what} | {mine:.2f} | {other:.2f} | {other / mine:.1f} × faster |"
