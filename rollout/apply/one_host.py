"""The whole procedure on one host: stage and switch, verify, check the archives, remove what is due."""

from __future__ import annotations

import json
import time
from types import MappingProxyType
from typing import Any

from rollout.apply import moving
from rollout.apply.archives import check_archives
from rollout.apply.converged import Converged
from rollout.apply.outcome import HostOutcome
from rollout.console import HostProgress
from rollout.deploys.runs import Deploy, HostRun, run_deploys
from rollout.environment.environment import SERVICE, Environment, Host
from rollout.errors import OperatorError, unforeseen
from rollout.hosts.program import ask
from rollout.hosts.ssh import Connections
from rollout.processes.checkout_lock import only_one
from rollout.run import Run
from rollout.verify.checks import FAILED, VerificationResult
from rollout.verify.verify import verify

SWITCH = "Switch the service"
ARCHIVE = "Archive the legacy directories"
REMOVE = "Remove the legacy directories that are due"
PRUNE = "Remove old releases"
WAITING = "waiting for verification"


def apply_host(
    environment: Environment,
    host: Host,
    run: Run,
    shown: HostProgress,
    outcome: HostOutcome,
    *,
    running: moving.Running = MappingProxyType({}),
    converged: Converged | None = None,
) -> None:
    """The whole procedure on one host; a failure ends it and is in the outcome.

    Args:
        environment: the environment.
        host: one of its hosts.
        run: who and why.
        shown: where progress goes.
        outcome: what is known of the host; it is filled as this goes, and interrupted until it ends.
        running: which companies ran where when the rollout began.
        converged: how the host was seen to have nothing to do; None where it was not.
    """
    started = time.monotonic()
    outcome.failure = f"{host.name}: interrupted; what its switch had begun goes on by itself"
    known = converged.verification if converged else None
    try:
        with only_one(f"rollout of {host.name} in {environment.name}", run.operator):
            outcome.released = companies_released(environment, host, running)
            outcome.others_answered = moving.others_answered(host, running)
            if converged:
                take_answers(outcome, converged.look)
            else:
                deploy(environment, host, run, shown, outcome)
            if SERVICE in host.groups:
                prove(environment, host, run, shown, outcome, known=known)
                remove(environment, host, run, shown, outcome)
            else:
                check(environment, host, shown, outcome, known=known)
        outcome.failure = ""
    except OperatorError as error:
        outcome.failure = str(error)
    except Exception as error:  # the report of the other hosts is kept whatever one of them did
        outcome.failure = str(unforeseen(host.name, error))
    except KeyboardInterrupt:
        shown.detail("interrupted")  # in the outcome since it began
    outcome.seconds = time.monotonic() - started + (known.seconds if known else 0)
    how = "FAILED" if outcome.failure else "done" if outcome.changed else "no changes"
    shown.ended(f"{how} in {outcome.seconds:.1f} s")


def companies_released(environment: Environment, host: Host, running: moving.Running) -> list[str]:
    """The host's companies that no other host runs; those that one ran before are asked for again.

    Raises:
        OperatorError: another host still runs one of them; nothing was touched.
    """
    sources = {move.source for move in moving.moves_to(host, running)}
    now = {name: moving.companies_on(environment.host(name)) for name in sources}
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
    overrides = {
        **run.overrides(),
        "released": outcome.released,
        "others_answered": outcome.others_answered,
        "resolved_commit": outcome.commit,
        "claimed_commit": outcome.claim,
    }
    one = Deploy(host, overrides, shown.step)
    done = one.seen
    try:
        run_deploys(environment, [one], dry=False, at_once=1)
    finally:
        take_answers(outcome, done)
        outcome.results.update(done.results)
        outcome.changed += [
            name for name in done.changed if not only_waited(done.results.get(name, {}))
        ]
    if not done.succeeded:
        raise failure_of(host, done)
    return done


def failure_of(host: Host, done: HostRun) -> OperatorError:
    """What ended a run: that the host is gone, if it is, whichever step noticed it first."""
    try:
        with Connections() as connections:
            connections.run(host, "true")
    except OperatorError as gone:
        when = f" It went away at “{done.step}”, which may go on by itself." if done.step else ""
        return OperatorError(gone.message + when, gone.remedy)
    return OperatorError(f"{host.name}: {done.failure}")


def take_answers(outcome: HostOutcome, seen: HostRun) -> None:
    """Take what a host answered, in a run that changed it or in one that only looked."""
    outcome.commit = outcome.commit or seen.commit
    outcome.kept = seen.answers.get("remove", {}).get("due", [])


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
    *,
    only: str | None = None,
    known: VerificationResult | None = None,
) -> None:
    """Verify the host as it is, unless this rollout just did.

    Raises:
        OperatorError: a check failed.
    """
    result = known or verify(environment.name, only=only, hosts=[host.name], shown=lambda _: shown)
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
    environment: Environment,
    host: Host,
    run: Run,
    shown: HostProgress,
    outcome: HostOutcome,
    *,
    known: VerificationResult | None,
) -> None:
    """Verify the host, check the archives that wait for removal, and record both on the host.

    Raises:
        OperatorError: a check failed, or an archive is not what was set aside; that is recorded too.
    """
    with Connections() as connections:
        failure: OperatorError | None = None
        try:
            check(environment, host, shown, outcome, known=known)
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
    ask(connections, host, ["record"], given=json.dumps(line))
