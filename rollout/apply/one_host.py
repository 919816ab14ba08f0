"""What ``rollout/apply/procedure.py`` does on one host: deploy, check, prove, record, remove."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hostswitch.decide.due import WAITING_FOR_VERIFICATION
from roles.hostprogram.steps import PRUNE, REMOVE, Step
from rollout.apply import moving
from rollout.apply.archives import check_archives
from rollout.apply.report import HostOutcome
from rollout.console import HostProgress
from rollout.deploys.runs import Deploy, HostRun, run_deploys
from rollout.environment.environment import Environment, Host
from rollout.errors import OperatorError
from rollout.hosts.program import RESULT, ask, plan_of
from rollout.hosts.ssh import ACT_SECONDS, Connections
from rollout.run import Run
from rollout.verify.checks import FAILED, FOUND, NOT_CHECKED, PASSED, VerificationResult
from rollout.verify.verify import verify_hosts


@dataclass(frozen=True)
class OneHost:
    """A host that is being rolled out: who and why, where progress goes, how it goes."""

    environment: Environment
    host: Host
    run: Run
    shown: HostProgress
    outcome: HostOutcome

    def overrides(self) -> dict[str, Any]:
        """What its plan has of this run."""
        return {
            **self.run.overrides(),
            "released": self.outcome.released,
            "others_answered": self.outcome.others_answered,
        }


def companies_released(environment: Environment, host: Host, running: moving.Running) -> list[str]:
    """The host's companies that no other host runs; those that one ran before are asked for again."""
    sources = {move.source for move in moving.moves_to(host, running)}
    now = {name: moving.companies_on(environment.host(name)) for name in sources}
    running = {**running, **now}
    still = moving.moves_to(host, running)
    if still:
        reasons = "\n".join(moving.refusal(move, environment.name) for move in still)
        raise OperatorError(f"{host.name}: {reasons}")
    return moving.released(host, running)


def deploy(one: OneHost) -> None:
    """Run ``deploy.py`` and take what it did."""
    outcome = one.outcome
    commits = {"resolved_commit": outcome.commit, "claimed_commit": outcome.claim}
    asked = Deploy(one.host, {**one.overrides(), **commits}, one.shown.step)
    done = asked.seen
    # The same ones, filled as it goes: who interrupts twice does not wait until this has ended.
    outcome.changed, outcome.results = done.changed, done.results
    try:
        run_deploys(one.environment, [asked], dry=False, at_once=1)
    finally:
        take_answers(outcome, done)
    if not done.succeeded:
        raise failure_of(one.host, done)


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
    outcome.kept = seen.answers.get(REMOVE.question, {}).get("due", [])


def check(
    one: OneHost, known: VerificationResult | None = None, *, only: str | None = None
) -> None:
    """Verify the host as it is, unless this rollout just did."""
    host, environment = one.host, one.environment
    result = known or verify_hosts(environment, [host], only=only, shown=lambda _: one.shown)[0]
    one.outcome.verifications.append(result)
    if failed := result.with_outcome(FAILED):
        lines = [f"{host.name}: {len(failed)} of {len(result.checks)} checks failed:"]
        lines += [f"  {check.check}: {check.says}\n    {check.reason}" for check in failed]
        logs = [check for check in failed if check.log]
        lines += [f"End of the log on {check.host}:\n{check.log}" for check in logs]
        remedy = f"rollout verify {environment.name} --host {host.name}"
        raise OperatorError("\n".join(lines), remedy)


def prove(one: OneHost, connections: Connections, known: VerificationResult | None) -> None:
    """Verify the host, check the archives that wait for removal, and record on the host how both went."""
    outcome, failure = one.outcome, None
    try:
        check(one, known)
        archives = [
            (entry["archive"], entry["manifest"])
            for entry in unverified(outcome.results.get(REMOVE.title, {}))
        ]
        if archives:
            one.shown.step(f"checking {len(archives)} archives")
            outcome.archive_checks = check_archives(connections, one.host, archives)
    except OperatorError as error:
        failure = error
    if outcome.changed or steps_waiting(outcome) or failure:
        record(one, connections, verified=failure is None)
    if failure:
        raise failure


def record(one: OneHost, connections: Connections, *, verified: bool) -> None:
    """Write the verification into the host's history; the removal of this rollout demands it."""
    outcome = one.outcome
    last = outcome.verifications[-1:]
    line = {
        "rollout_id": one.run.rollout_id,
        "operator": one.run.operator,
        "verified": verified,
        "passed": sum(result.counts[PASSED] for result in last),
        "failed": sum(result.counts[FAILED] for result in last),
        "not_checked": sum(result.counts[NOT_CHECKED] for result in last),
        "found": sum(result.counts[FOUND] for result in last),
        "archives": {entry.archive: entry.outcome for entry in outcome.archive_checks},
    }
    try:
        ask(connections, one.host, ["record"], given=json.dumps(line))
    except OperatorError as error:
        said = f"the verification was not recorded: {error.message}"
        raise OperatorError(f"{one.host.name}: {said}", error.remedy) from None


def remove(one: OneHost, connections: Connections) -> None:
    """Remove what waited for its verification alone, proven again by the host; then check the disk."""
    host, outcome = one.host, one.outcome
    waiting = steps_waiting(outcome)
    for step in waiting:
        one.shown.step(step.title)
        plan = json.dumps(plan_of(one.environment, host, one.overrides(), outcome.commit))
        words = [step.command, "--plan", "-"]
        result = ask(connections, host, words, RESULT, given=plan, timeout=ACT_SECONDS)
        outcome.results[step.title] = result
        if unverified(result):
            raise OperatorError(
                f"{host.name}: the service was switched again after its verification; what runs now"
                " was not verified",
                f"rollout apply {one.environment.name} --host {host.name}",
            )
        outcome.changed.append(step.title)
        if step is REMOVE:
            outcome.kept = result.get("due", [])
    if waiting:
        check(one, only="disk")


def steps_waiting(outcome: HostOutcome) -> list[Step]:
    """The steps that would remove a directory or an old release now, were the host verified."""
    return [step for step in (REMOVE, PRUNE) if unverified(outcome.results.get(step.title, {}))]


def unverified(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What waits for nothing but the host's verification."""
    waiting = result.get("waiting", [])
    return [entry for entry in waiting if entry["why"] == WAITING_FOR_VERIFICATION]
