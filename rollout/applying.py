"""``rollout apply``: the rollout of an environment, host after host.

The order is the procedure: stage and switch, verify, check the archives, remove what is due, verify
the disk. The first failure stops; hosts that were not begun are listed as untouched.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rollout.archive_check import ArchiveCheck, check_archives
from rollout.console import Progress
from rollout.errors import OperatorError
from rollout.hostrun import HostRun, run_deploy
from rollout.inventory import SERVICE, Environment, Host
from rollout.ssh import Connections
from rollout.verification import FAILED, VerificationResult, verify

PROGRAM = "/usr/local/sbin/baileys-hostswitch"
SWITCH = "Switch the service"
ARCHIVE = "Archive the legacy directories"
REMOVE = "Remove the legacy directories that are due"
WAITING = "waiting for verification"


@dataclass(frozen=True)
class Run:
    """Who rolls out, and why.

    Args:
        rollout_id: id of this run.
        operator: who.
        reason: why; may be empty.
    """

    rollout_id: str
    operator: str
    reason: str

    def overrides(self) -> dict[str, str]:
        """What every host's plan gets of it."""
        return {
            "rollout_id": self.rollout_id,
            "operator": self.operator,
            "reason": self.reason,
        }


@dataclass
class HostOutcome:
    """How the rollout of one host went.

    Args:
        host: its name.
        changed: the steps that changed something.
        results: the last answer of each step of the host program, by step.
        verifications: the host checks before removal, and those of the disk after it.
        archive_checks: what checking the archives for real gave.
        failure: what failed, empty if nothing did.
        seconds: wall time on this host.
    """

    host: str
    changed: list[str] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    verifications: list[VerificationResult] = field(default_factory=list)
    archive_checks: list[ArchiveCheck] = field(default_factory=list)
    failure: str = ""
    seconds: float = 0.0


@dataclass
class Outcome:
    """How the rollout of an environment went."""

    environment: str
    run: Run
    hosts: list[HostOutcome] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Nothing failed and no host was left out."""
        return not self.untouched and not any(host.failure for host in self.hosts)


def apply_environment(
    environment: Environment, hosts: Sequence[Host], run: Run, shown: Progress
) -> Outcome:
    """Roll out to hosts, one after the other; stop at the first failure.

    Args:
        environment: the environment.
        hosts: which of its hosts, in rollout order.
        run: who and why.
        shown: where progress goes.
    """
    started = time.monotonic()
    outcome = Outcome(environment.name, run)
    for position, host in enumerate(hosts):
        outcome.hosts.append(apply_host(environment, host, run, shown))
        if outcome.hosts[-1].failure:
            outcome.untouched = [later.name for later in hosts[position + 1 :]]
            break
    outcome.seconds = time.monotonic() - started
    return outcome


def apply_host(environment: Environment, host: Host, run: Run, shown: Progress) -> HostOutcome:
    """The whole procedure on one host; a failure ends it and is in the outcome."""
    started = time.monotonic()
    outcome = HostOutcome(host.name)
    try:
        deploy(environment, host, run, shown, outcome)
        check(environment, host, shown, outcome)
        if SERVICE in host.groups:
            finish_sessions(environment, host, run, shown, outcome)
    except OperatorError as error:
        outcome.failure = str(error)
    outcome.seconds = time.monotonic() - started
    return outcome


def deploy(
    environment: Environment, host: Host, run: Run, shown: Progress, outcome: HostOutcome
) -> None:
    """Run ``deploy.py`` and take what it did.

    Raises:
        OperatorError: a step failed; its own words are the error.
    """
    done: HostRun = run_deploy(
        environment,
        host,
        run.overrides(),
        dry=False,
        progress=lambda step: shown.step(f"{host.name}: {step}"),
    )
    outcome.changed += done.changed
    outcome.results.update(done.results)
    if not done.succeeded:
        raise OperatorError(f"{host.name}: {done.failure}")


def check(
    environment: Environment,
    host: Host,
    shown: Progress,
    outcome: HostOutcome,
    only: str | None = None,
) -> None:
    """Verify the host as it is.

    Raises:
        OperatorError: a check failed.
    """
    shown.step(f"{host.name}: verifying")
    result = verify(
        environment.name,
        only=only,
        hosts=[host.name],
        progress=lambda done, _: shown.detail(f"{host.name}: verifying: {done.check}"),
    )
    outcome.verifications.append(result)
    failed = result.with_outcome(FAILED)
    if failed:
        found = "".join(f"\n  {check.check}: {check.says}\n    {check.reason}" for check in failed)
        raise OperatorError(
            f"{host.name}: {len(failed)} of {len(result.checks)} checks failed:{found}",
            f"rollout verify {environment.name} --host {host.name}",
        )


def finish_sessions(
    environment: Environment, host: Host, run: Run, shown: Progress, outcome: HostOutcome
) -> None:
    """Check the archives for real, tell the host that it was verified, remove what is due."""
    with Connections() as connections:
        archives = archives_of(outcome.results.get(ARCHIVE, {}))
        if archives:
            shown.step(f"{host.name}: checking {len(archives)} archives")
            outcome.archive_checks = check_archives(connections, host, archives)
        if outcome.changed or archives:
            record(connections, host, run, outcome)
    waiting = outcome.results.get(REMOVE, {}).get("waiting", [])
    if any(entry["why"] == WAITING for entry in waiting):
        # The same procedure again: everything else is as declared by now, which this shows too.
        deploy(environment, host, run, shown, outcome)
        check(environment, host, shown, outcome, only="disk")


def archives_of(result: dict[str, Any]) -> list[tuple[str, str]]:
    """(archive, manifest) paths in the host program's answer to ``archive``."""
    return [(entry["archive"], entry["manifest"]) for entry in result.get("archives", [])]


def record(connections: Connections, host: Host, run: Run, outcome: HostOutcome) -> None:
    """Write the verification into the host's history; removal demands it.

    Raises:
        OperatorError: the host did not take it.
    """
    result = outcome.verifications[-1]
    line = {
        "rollout_id": run.rollout_id,
        "operator": run.operator,
        "verified": result.failed == 0,
        "passed": result.passed,
        "failed": result.failed,
        "not_checked": result.not_checked,
        "archives": {entry.archive: entry.outcome for entry in outcome.archive_checks},
    }
    done = connections.run(host, [PROGRAM, "record"], stdin=json.dumps(line).encode(), sudo=True)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise OperatorError(f"{host.name}: the verification was not recorded: {said}")
