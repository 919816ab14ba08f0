"""Is a host really as it was declared: runs ``tests/host`` and tells what each check found.

The checks run in a process of their own, as `pytest tests/host` would, and report one JSON object a
line over a pipe (``tests/host/reporting.py``), so that progress shows while they go.

Exit codes of ``rollout verify``: 0 nothing failed (what could not be checked is told, and counted
apart); 1 something failed, something was found that no rollout mends, or the checks could not be
run to their end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rollout.batches import AT_ONCE
from rollout.children import following
from rollout.console import HostProgress
from rollout.errors import OperatorError
from rollout.inventory import Host, load
from rollout.nearest import did_you_mean
from rollout.parallel import each

ROOT = Path(__file__).resolve().parent.parent
SUITE = ROOT / "tests" / "host"
PASSED = "passed"
FAILED = "failed"
NOT_CHECKED = "not checked"
# Something is wrong there that no rollout makes, worsens or mends: it stops none.
FOUND = "found"
# pytest's exit codes for a run that came to its end: all well, with failed checks, or without any.
CAME_TO_ITS_END = (0, 1, 5)
WORST_OUTPUT_LINES = 12


@dataclass(frozen=True)
class Check:
    """One check of one host.

    Args:
        check: the name of its function.
        concern: its file: ``disk`` for ``test_disk.py``.
        host: the host that was looked at.
        says: what breaks in production when it fails.
        outcome: ``passed``, ``failed``, ``not checked`` or ``found``.
        reason: what was found, or why it can't be known; empty when it passed.
        log: the end of the host's own log, when it failed; secrets are masked.
        seconds: how long it took.
    """

    check: str
    concern: str
    host: str
    says: str
    outcome: str
    reason: str
    log: str
    seconds: float


@dataclass(frozen=True)
class VerificationResult:
    """What a run of the checks found.

    Args:
        environment: whose hosts were looked at.
        checks: every check in the order in which they ran.
        seconds: wall time of all of them, connecting included.
        commands: how many commands were run on the hosts.
        command_ms: milliseconds that a command cost which did nothing, over the shared connection:
            the median of some, on the dearest host; None where no host was reached.
    """

    environment: str
    checks: tuple[Check, ...]
    seconds: float
    commands: int
    command_ms: float | None

    @property
    def passed(self) -> int:
        """How many passed."""
        return self._count(PASSED)

    @property
    def failed(self) -> int:
        """How many failed."""
        return self._count(FAILED)

    @property
    def not_checked(self) -> int:
        """How many could not be checked; never part of the passed ones."""
        return self._count(NOT_CHECKED)

    @property
    def found(self) -> int:
        """How many found what a rollout neither makes nor mends; never part of the passed ones."""
        return self._count(FOUND)

    @property
    def exit_code(self) -> int:
        """0 when nothing failed and nothing was found, else 1."""
        return 1 if self.failed or self.found else 0

    def with_outcome(self, outcome: str) -> list[Check]:
        """The checks that ended so, in order."""
        return [check for check in self.checks if check.outcome == outcome]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain data, for ``rollout verify --json`` and the history."""
        return {
            "environment": self.environment,
            "passed": self.passed,
            "failed": self.failed,
            "not_checked": self.not_checked,
            "found": self.found,
            "seconds": self.seconds,
            "commands": self.commands,
            "command_ms": self.command_ms,
            "checks": [asdict(check) for check in self.checks],
        }

    def _count(self, outcome: str) -> int:
        return Counter(check.outcome for check in self.checks)[outcome]


Progress = Callable[[Check, int], None]
"""Called after each check with it and with how many are planned in all."""


def verify(
    environment: str,
    *,
    only: str | None = None,
    hosts: Sequence[str] = (),
    shown: Callable[[str], HostProgress],
) -> VerificationResult:
    """Check an environment's hosts, several at once; nothing on them is changed.

    Args:
        environment: its name.
        only: one concern, such as ``disk``; None for all.
        hosts: names of the hosts to look at; empty for all.
        shown: gives the progress of a host by its name.

    Returns:
        What was found, host by host.

    Raises:
        OperatorError: the environment has mistakes, there is no such concern, or the checks did not
            come to their end.
    """
    if only is not None and only not in concerns():
        raise OperatorError(
            f"There are no checks of {only!r}; there are {', '.join(concerns())}."
            + did_you_mean(only, concerns()),
            f"rollout verify {environment} --only disk",
        )
    loaded = load(environment)
    chosen = [loaded.host(name) for name in hosts] or loaded.hosts
    began = time.monotonic()

    def verify_one(host: Host) -> VerificationResult:
        progress = shown(host.name)
        progress.step("verifying")
        selection = ["--environment", environment, "--hosts", host.name]
        selection += ["--only", only] if only else []
        result = run_suite(
            environment, SUITE, selection, lambda one, _: progress.detail(f"verifying: {one.check}")
        )
        progress.ended()
        return result

    found = each(chosen, verify_one, AT_ONCE)
    checks = tuple(check for result in found for check in result.checks)
    if not checks:
        names = ", ".join(host.name for host in chosen)
        raise OperatorError(
            f"{environment}: there is no check of {only!r} for {names}; nothing counts as passed.",
            f"rollout verify {environment}",
        )
    commands = sum(result.commands for result in found)
    costs = [result.command_ms for result in found if result.command_ms is not None]
    seconds = round(time.monotonic() - began, 3)
    return VerificationResult(environment, checks, seconds, commands, max(costs, default=None))


def concerns() -> list[str]:
    """What can be checked by itself: the files of checks."""
    return sorted(path.stem.removeprefix("test_") for path in SUITE.glob("test_*.py"))


def run_suite(
    environment: str, suite: Path, selection: Sequence[str], progress: Progress | None
) -> VerificationResult:
    """Run a folder of checks in a process of its own.

    Args:
        environment: goes into the result.
        suite: the folder.
        selection: pytest options that say what to look at.
        progress: told of each check as it ends.

    Raises:
        OperatorError: pytest ended early.
    """
    receiving, sending = os.pipe()
    with tempfile.TemporaryFile() as output, os.fdopen(receiving) as lines:
        child = subprocess.Popen(
            pytest_command(suite, [*selection, "--report-to", str(sending)]),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[sending],
        )
        os.close(sending)
        with following(child):
            result = collect(environment, lines, progress)
            code = child.wait()
        output.seek(0)
        said = output.read().decode(errors="replace")
    if result is None or code not in CAME_TO_ITS_END:
        raise cut_short(environment, selection, said)
    return result


def pytest_command(suite: Path, options: Sequence[str]) -> list[str]:
    """The command that runs a folder of checks.

    The project's own pytest settings are left aside: they are for its tests, not for hosts.
    """
    own = ["-p", "no:cacheprovider", "-o", "addopts=", "--rootdir", str(suite), "--quiet"]
    return [sys.executable, "-m", "pytest", str(suite), *own, *options]


def collect(
    environment: str, lines: Iterator[str], progress: Progress | None
) -> VerificationResult | None:
    """Put a run together from its lines.

    Args:
        environment: goes into the result.
        lines: one JSON object each, as ``tests/host/reporting.py`` writes them.
        progress: told of each check.

    Returns:
        The result; None if the lines stop before the end, or hold other than what was planned.
    """
    checks: list[Check] = []
    planned = -1  # until it is told
    for line in lines:
        event = json.loads(line)
        kind = event.pop("event")
        if kind == "planned":
            planned = event["count"]
        elif kind == "check":
            checks.append(Check(**event))
            if progress is not None:
                progress(checks[-1], planned)
        elif kind == "end" and len(checks) == planned:
            return VerificationResult(environment, tuple(checks), **event)
    return None


def cut_short(environment: str, selection: Sequence[str], said: str) -> OperatorError:
    """The error for checks that did not come to their end, with what pytest said last."""
    lines = [line for line in said.splitlines() if line.strip()]
    last = "\n  ".join(lines[-WORST_OUTPUT_LINES:]) or "pytest said nothing"
    return OperatorError(
        f"{environment}: the checks did not come to their end; nothing counts as passed.\n  {last}",
        f"python -m pytest {SUITE.relative_to(ROOT)} {' '.join(selection)}",
    )
