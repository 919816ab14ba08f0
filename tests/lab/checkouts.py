"""A copy of this checkout, whose settings and inventory a test may change, and the command in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.fleet import hosts
from tests.lab import rig

LEFT_OUT = (".venv", ".git", ".*cache", ".rollout", "node_modules")


def copied(to: Path) -> Path:
    """A copy of this checkout, the lab's secrets included.

    Args:
        to: the folder that it becomes; it does not exist.
    """
    shutil.copytree(rig.ROOT, to, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return to


def rollout(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The operator's command in a checkout."""
    return subprocess.run(
        command(*words),
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def rollout_disturbed(
    checkout: Path, moment: str, disturb: Callable[[], None], *words: str
) -> subprocess.CompletedProcess[str]:
    """The command in a checkout, and something done to its hosts while it runs.

    Args:
        checkout: which.
        moment: what a line of its progress ends with when it is done.
        disturb: what is done, once.
        words: the command's.

    Raises:
        AssertionError: the moment never came.
    """
    said, disturbed = [], False
    with (
        tempfile.TemporaryFile("w+") as answer,
        subprocess.Popen(
            command(*words), cwd=checkout, stdout=answer, stderr=subprocess.PIPE, text=True
        ) as child,
    ):
        assert child.stderr is not None
        for line in child.stderr:
            said.append(line)
            if not disturbed and line.rstrip().endswith(moment):
                disturb()
                disturbed = True
        code = child.wait()
        answer.seek(0)
        done = subprocess.CompletedProcess(words, code, answer.read(), "".join(said))
    assert disturbed, f"{moment!r} never came:\n{done.stdout}{done.stderr}"
    return done


def command(*words: str) -> list[str]:
    """The command's words; as a module, so that the checkout's own code is what it loads."""
    return [sys.executable, "-m", "rollout.cli.main", *words]


def unwrapped(text: str) -> str:
    """What was printed, on one line."""
    return " ".join(text.split())


def sh(host: str, text: str) -> str:
    """Run a shell command as root on a host of the lab as it is now."""
    return hosts.get(host, place=hosts.current()).run(text, sudo=True).stdout.decode()


def service(host: str) -> dict[str, Any]:
    """What the service on a host answers, waiting for it to answer at all."""
    return dict(json.loads(sh(host, f"python3 - 30 <<'END'\n{rig.STATUS}\nEND")))
