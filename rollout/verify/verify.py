"""Is a host really as it was declared: runs ``tests/host`` and tells what each check found.

It runs them as `pytest tests/host` would, in a process that forks one for each host. Each reports one JSON
object a line over a pipe of its host (``tests/host/support/reporting.py``), so that progress shows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from rollout.checkout import ROOT
from rollout.console import HostProgress
from rollout.environment.environment import Environment, Host, handed_over
from rollout.errors import OperatorError, did_you_mean
from rollout.processes.reporting import run_reporting
from rollout.verify.checks import Check, VerificationResult, merged

Shown = Callable[[str], HostProgress]
Told = Callable[[Check], None]
SUITE = ROOT / "tests" / "host"
# pytest's exit codes for a run that came to its end: all well, with failed checks, or without any.
CAME_TO_ITS_END = (0, 1, 5)
WORST_OUTPUT_LINES = 12


def verify(
    environment: Environment, hosts: Sequence[Host], *, only: str | None = None, shown: Shown
) -> VerificationResult:
    """Check hosts, several at once; nothing on them is changed."""
    command = f"rollout verify {environment.name}"
    if only is not None and only not in concerns():
        problem = f"There are no checks of {only!r}; there are {', '.join(concerns())}."
        raise OperatorError(problem + did_you_mean(only, concerns()), f"{command} --only disk")
    result = merged(environment.name, verify_hosts(environment, hosts, only=only, shown=shown))
    if not result.checks:
        names = ", ".join(host.name for host in hosts)
        problem = f"there is no check of {only!r} for {names}; nothing counts as passed."
        raise OperatorError(f"{environment.name}: {problem}", command)
    return result


def verify_hosts(
    environment: Environment, hosts: Sequence[Host], *, only: str | None = None, shown: Shown
) -> list[VerificationResult]:
    """As ``verify``, of a concern that there is: what was found on each host, in their order."""
    progress = {host.name: shown(host.name) for host in hosts}
    selection = ["--environment", environment.name, "--hosts", ",".join(progress)]
    selection += ["--only", only] if only else []

    def tell(name: str, check: Check) -> None:
        progress[name].detail(f"verifying: {check.check}")

    for one in progress.values():
        one.step("verifying")
    told = {name: partial(tell, name) for name in progress}
    found = run_suite(environment, SUITE, selection, told)
    for one in progress.values():
        one.ended()
    return [
        result.acknowledging(host.settings.get("acknowledged_checks", {}))
        for host, result in zip(hosts, found, strict=True)
    ]


def concerns() -> list[str]:
    """What can be checked by itself: the files of checks."""
    return sorted(path.stem.removeprefix("test_") for path in SUITE.glob("test_*.py"))


def run_suite(
    environment: Environment, suite: Path, selection: Sequence[str], hosts: Mapping[str, Told]
) -> list[VerificationResult]:
    """Run checks in a process of its own, chosen by pytest options; each host's are told as they end."""
    began = time.monotonic()
    found, code, said = run_reporting(
        lambda given, pipes: pytest_command(
            suite, [*selection, "--environment-from", given, "--report-to", pipes]
        ),
        handed_over(environment),
        [partial(collect, environment.name, told=told, began=began) for told in hosts.values()],
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )
    results = [result for result in found if result is not None]
    if len(results) < len(found) or code not in CAME_TO_ITS_END:
        raise cut_short(environment.name, selection, said)
    return results


def pytest_command(suite: Path, options: Sequence[str]) -> list[str]:
    """The command that runs a folder of checks.

    Without the project's own pytest settings, which are for its tests, and the plugins that happen to be
    installed: importing them takes longer than many a check.
    """
    own = ["-p", "pytest11.testinfra", "-p", "no:cacheprovider", "-o", "addopts="]
    own += ["--rootdir", str(suite), "--quiet"]
    return [sys.executable, "-m", "pytest", str(suite), *own, *options]


def collect(
    environment: str, lines: Iterable[str], told: Told, began: float
) -> VerificationResult | None:
    """What was found on a host, from its lines; None if they stop early, or are not as planned."""
    checks: list[Check] = []
    planned = -1  # until it is told
    for line in lines:
        event = json.loads(line)
        kind = event.pop("event")
        if kind == "planned":
            planned = event["count"]
        elif kind == "check":
            checks.append(Check(**event))
            told(checks[-1])
        elif kind == "end" and len(checks) == planned:
            seconds = round(time.monotonic() - began, 3)
            return VerificationResult(environment, tuple(checks), seconds, **event)
    return None


def cut_short(environment: str, selection: Sequence[str], said: str) -> OperatorError:
    """The error for checks that did not come to their end, with what pytest said last."""
    lines = [line for line in said.splitlines() if line.strip()]
    last = "\n  ".join(lines[-WORST_OUTPUT_LINES:]) or "pytest said nothing"
    return OperatorError(
        f"{environment}: the checks did not come to their end; nothing counts as passed.\n  {last}",
        f"python -m pytest tests/host {' '.join(selection)}",
    )
