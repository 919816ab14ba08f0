"""``rollout apply``: the rollout of an environment, the first service host as barrier, then batches.

On each host the order is the procedure: stage and switch, verify, check the archives, remove what is
due, verify the disk. The first failure stops: a host that is under way beside it comes to its own
end, for a switch is not cut off half way; hosts that were not begun are listed as untouched.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from rollout import moving
from rollout.archive_check import ArchiveCheck, check_archives
from rollout.batches import AT_ONCE, batches
from rollout.console import HostProgress, Progress
from rollout.errors import OperatorError
from rollout.hostrun import HostRun, run_deploy
from rollout.inventory import SERVICE, Environment, Host
from rollout.parallel import each
from rollout.ssh import Connections
from rollout.status import PROGRAM
from rollout.verification import FAILED, VerificationResult, verify

SWITCH = "Switch the service"
ARCHIVE = "Archive the legacy directories"
REMOVE = "Remove the legacy directories that are due"
PRUNE = "Remove old releases"
WAITING = "waiting for verification"
Revision = tuple[str | None, str | None]
"""Repository, and the tag, branch or commit in it."""


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
        released: its companies that no other host runs.
        others_answered: every other service host said what it runs.
        commit: what this rollout resolved the declared revision to; empty until then.
        changed: the steps that changed something.
        results: the last answer of each step of the host program, by step.
        verifications: the host checks before removal, and those of the disk after it.
        archive_checks: what checking the archives for real gave.
        kept: what stays set aside and until when, in sentences.
        failure: what failed, empty if nothing did.
        seconds: wall time on this host.
    """

    host: str
    released: list[str] = field(default_factory=list)
    others_answered: bool = False
    commit: str = ""
    changed: list[str] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    verifications: list[VerificationResult] = field(default_factory=list)
    archive_checks: list[ArchiveCheck] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
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
    environment: Environment,
    hosts: Sequence[Host],
    run: Run,
    shown: Progress,
    at_once: int = AT_ONCE,
) -> Outcome:
    """Roll out to hosts, batch after batch; stop at the first that holds a failure.

    Args:
        environment: the environment.
        hosts: which of its hosts, in rollout order.
        run: who and why.
        shown: where progress goes.
        at_once: how many hosts a batch has (``rollout/batches.py``).
    """
    started = time.monotonic()
    outcome = Outcome(environment.name, run)

    running = moving.ask_hosts(environment, shown)

    resolved: dict[Revision, str] = {}

    def apply_one(host: Host) -> HostOutcome:
        # What the barrier proved is a commit: a branch may move while the others are rolled out.
        commit = resolved.get(revision_of(host), "")
        return apply_host(
            environment, host, run, shown.of(host.name), running=running, commit=commit
        )

    for batch in batches(hosts, at_once):
        if any(done.failure for done in outcome.hosts):
            outcome.untouched += [host.name for host in batch]
        else:
            ended = each(batch, apply_one, at_once)
            outcome.hosts += ended
            resolved = {**commits_of(batch, ended), **resolved}
    outcome.seconds = time.monotonic() - started
    return outcome


def revision_of(host: Host) -> Revision:
    """What a host is to run, as declared: hosts may differ in it."""
    return host.settings.get("service_repository"), host.settings.get("service_revision")


def commits_of(hosts: Sequence[Host], ended: Sequence[HostOutcome]) -> dict[Revision, str]:
    """What hosts resolved their revisions to; a database host resolves none."""
    pairs = zip(hosts, ended, strict=True)
    return {revision_of(host): one.commit for host, one in pairs if one.commit}


def apply_host(
    environment: Environment,
    host: Host,
    run: Run,
    shown: HostProgress,
    *,
    running: moving.Running = MappingProxyType({}),
    commit: str = "",
) -> HostOutcome:
    """The whole procedure on one host; a failure ends it and is in the outcome.

    Args:
        environment: the environment.
        host: one of its hosts.
        run: who and why.
        shown: where progress goes.
        running: which companies ran where when the rollout began.
        commit: what an earlier host of this rollout resolved the same revision to; empty if none did.
    """
    started = time.monotonic()
    outcome = HostOutcome(host.name, commit=commit)
    try:
        outcome.released = companies_released(environment, host, running)
        outcome.others_answered = moving.others_answered(host, running)
        deploy(environment, host, run, shown, outcome)
        if SERVICE in host.groups:
            prove(environment, host, run, shown, outcome)
            remove(environment, host, run, shown, outcome)
        else:
            check(environment, host, shown, outcome)
    except OperatorError as error:
        outcome.failure = str(error)
    outcome.seconds = time.monotonic() - started
    how = "FAILED" if outcome.failure else "done" if outcome.changed else "no changes"
    shown.ended(f"{how} in {outcome.seconds:.1f} s")
    return outcome


def companies_released(environment: Environment, host: Host, running: moving.Running) -> list[str]:
    """The host's companies that no other host runs; those that one ran before are asked for again.

    Raises:
        OperatorError: another host still runs one of them; nothing was touched.
    """
    sources = {move.source for move in moving.moves_to(host, running)}
    now = {name: moving.companies_on(environment, environment.host(name)) for name in sources}
    running = {**running, **now}
    still = moving.moves_to(host, running)
    if still:
        reasons = "\n".join(moving.refusal(move, environment.name) for move in still)
        raise OperatorError(f"{host.name}: {reasons}")
    return moving.released(host, running)


def deploy(
    environment: Environment, host: Host, run: Run, shown: HostProgress, outcome: HostOutcome
) -> HostRun:
    """Run ``deploy.py`` and take what it did.

    Raises:
        OperatorError: a step failed; its own words are the error.
    """
    done: HostRun = run_deploy(
        environment,
        host,
        {
            **run.overrides(),
            "released": outcome.released,
            "others_answered": outcome.others_answered,
            "resolved_commit": outcome.commit,
        },
        dry=False,
        progress=shown.step,
    )
    outcome.commit = outcome.commit or done.commit
    outcome.results.update(done.results)
    outcome.changed += [
        name for name in done.changed if not only_waited(done.results.get(name, {}))
    ]
    outcome.kept = done.answers.get("remove", {}).get("due", [])
    if not done.succeeded:
        raise OperatorError(f"{host.name}: {done.failure}")
    return done


def has_switched(done: HostRun) -> bool:
    """Whether the service was switched; a switch that does not say how it ended counts as one."""
    result = done.results.get(SWITCH, {})
    return SWITCH in done.changed and result.get("outcome") != "nothing to do"


def only_waited(result: dict[str, Any]) -> bool:
    """Whether a step of the host program did nothing but wait."""
    return str(result.get("outcome", "")).startswith("waiting")


def check(
    environment: Environment,
    host: Host,
    shown: HostProgress,
    outcome: HostOutcome,
    only: str | None = None,
) -> None:
    """Verify the host as it is.

    Raises:
        OperatorError: a check failed.
    """
    result = verify(environment.name, only=only, hosts=[host.name], shown=lambda _: shown)
    outcome.verifications.append(result)
    failed = result.with_outcome(FAILED)
    if failed:
        found = "".join(f"\n  {check.check}: {check.says}\n    {check.reason}" for check in failed)
        found += "".join(
            f"\nEnd of the log on {check.host}:\n{check.log}" for check in failed if check.log
        )
        raise OperatorError(
            f"{host.name}: {len(failed)} of {len(result.checks)} checks failed:{found}",
            f"rollout verify {environment.name} --host {host.name}",
        )


def prove(
    environment: Environment, host: Host, run: Run, shown: HostProgress, outcome: HostOutcome
) -> None:
    """Verify the host, check the archives that wait for removal, and record both on the host.

    Raises:
        OperatorError: a check failed, or an archive is not what was set aside; that is recorded too.
    """
    with Connections() as connections:
        failure: OperatorError | None = None
        try:
            check(environment, host, shown, outcome)
            archives = archives_of(outcome.results.get(REMOVE, {}))
            if archives:
                shown.step(f"checking {len(archives)} archives")
                outcome.archive_checks = check_archives(connections, host, archives)
        except OperatorError as error:
            failure = error
        if outcome.changed or awaits_verification(outcome) or failure:
            record(connections, host, run, outcome, verified=failure is None)
    if failure:
        raise failure


def remove(
    environment: Environment, host: Host, run: Run, shown: HostProgress, outcome: HostOutcome
) -> None:
    """Remove what waited for nothing but its verification, then check the disk.

    Raises:
        OperatorError: a file is not proven safe, a check of the disk failed, or the service was
            switched again, to what nobody verified.
    """
    if awaits_verification(outcome):
        # The same procedure again: everything else is as declared by now, which this shows too.
        if has_switched(deploy(environment, host, run, shown, outcome)):
            raise OperatorError(
                f"{host.name}: the service was switched again after its verification; what runs now"
                " was not verified",
                f"rollout apply {environment.name} --host {host.name}",
            )
        check(environment, host, shown, outcome, only="disk")


def awaits_verification(outcome: HostOutcome) -> bool:
    """Whether a directory or an old release would be removed now, were the host verified."""
    waiting = [
        entry
        for step in (REMOVE, PRUNE)
        for entry in outcome.results.get(step, {}).get("waiting", [])
    ]
    return any(entry["why"] == WAITING for entry in waiting)


def archives_of(result: dict[str, Any]) -> list[tuple[str, str]]:
    """(archive, manifest) paths of what waits for its removal."""
    waiting = [entry for entry in result.get("waiting", []) if entry["why"] == WAITING]
    return [(entry["archive"], entry["manifest"]) for entry in waiting]


def record(
    connections: Connections, host: Host, run: Run, outcome: HostOutcome, *, verified: bool
) -> None:
    """Write the verification into the host's history; the removal of this rollout demands it.

    Raises:
        OperatorError: the host did not take it.
    """
    result = outcome.verifications[-1] if outcome.verifications else None
    line = {
        "rollout_id": run.rollout_id,
        "operator": run.operator,
        "verified": verified,
        "passed": result.passed if result else 0,
        "failed": result.failed if result else 0,
        "not_checked": result.not_checked if result else 0,
        "archives": {entry.archive: entry.outcome for entry in outcome.archive_checks},
    }
    done = connections.run(host, [PROGRAM, "record"], stdin=json.dumps(line).encode(), sudo=True)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise OperatorError(f"{host.name}: the verification was not recorded: {said}")
