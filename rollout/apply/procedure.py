"""``rollout apply``: the rollout of an environment, top to bottom; ``deploy.py`` is its step on one host.

The first failure stops: a host that is under way beside it comes to its own end, for a switch is not cut
off half way; hosts that were not begun are listed as untouched.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

from rollout.apply import moving
from rollout.apply.look import Look, look
from rollout.apply.one_host import (
    OneHost,
    check,
    companies_released,
    deploy,
    prove,
    remove,
    take_answers,
)
from rollout.apply.report import HostOutcome, Outcome
from rollout.apply.revision import Revision, commits_said, resolution, revision_of
from rollout.console import Progress, progress
from rollout.environment.environment import AT_ONCE, SERVICE, Environment, Host, batches
from rollout.errors import OperatorError, unforeseen
from rollout.hosts.ssh import Connections
from rollout.processes.checkout_lock import only_one
from rollout.processes.children import each
from rollout.run import Run
from rollout.verify.checks import VerificationResult
from rollout.verify.verify import verify_hosts

Commits = Mapping[Revision, Mapping[str, str]]


def apply_environment(
    environment: Environment, hosts: Sequence[Host], run: Run, at_once: int = AT_ONCE
) -> Outcome:
    """Roll out to hosts, and tell how it went whatever happens."""
    started = time.monotonic()
    outcome = Outcome(environment.name, run)
    try:
        with progress() as shown:
            roll_out(environment, hosts, outcome, shown, at_once)
    except KeyboardInterrupt:
        outcome.interrupted = True
    names = [host.name for host in hosts]
    outcome.hosts.sort(key=lambda one: names.index(one.host))
    begun = {one.host for one in outcome.hosts}
    outcome.untouched = [name for name in names if name not in begun]
    outcome.seconds = time.monotonic() - started
    return outcome


def roll_out(
    environment: Environment, hosts: Sequence[Host], outcome: Outcome, shown: Progress, at_once: int
) -> None:
    """All hosts, in order; each is in the outcome from its beginning, whatever interrupts this."""
    # What would each of them change? They are asked side by side, and nothing is changed.
    seen = look(environment, hosts, shown)
    # Where none has anything to do all are verified side by side, and there is nothing to be a barrier for.
    verified = verified_together(seen, shown)
    # Else databases come first, then one service host as the barrier, then the rest.
    commits = {run.host: run.commit for run in seen.runs if run.commit}

    def apply_one(said: Commits, host: Host) -> None:
        begun = HostOutcome(host.name)
        outcome.hosts.append(begun)
        one = OneHost(environment, host, outcome.run, shown.of(host.name), begun)
        apply_host(one, said.get(revision_of(host), {}), seen, verified.get(host.name))

    for batch in [tuple(hosts)] if verified else batches(hosts, at_once):
        # A branch is resolved once: each host is held to what those before it found.
        each(batch, partial(apply_one, commits_said(hosts, commits)), at_once)
        # The first failure stops.
        if any(one.failure for one in outcome.hosts):
            return
        commits |= {one.host: one.commit for one in outcome.hosts if one.commit}


def verified_together(seen: Look, shown: Progress) -> dict[str, VerificationResult]:
    """By host, what its checks found; empty where any has something to do, or they did not end."""
    if not seen.nothing_to_do:
        return {}
    try:
        found = verify_hosts(seen.environment, seen.hosts, shown=shown.of)
    except OperatorError:
        # Checked one by one in their turn, they tell which of them it is.
        return {}
    return {host.name: result for host, result in zip(seen.hosts, found, strict=True)}


def apply_host(
    one: OneHost, said: Mapping[str, str], seen: Look, verified: VerificationResult | None
) -> None:
    """One host; a failure ends it and is in its outcome.

    ``said``: what hosts resolved its revision to. ``verified``: its checks, where no host had anything to
    do.
    """
    host, outcome, started = one.host, one.outcome, time.monotonic()
    outcome.failure = f"{host.name}: interrupted; what its switch had begun goes on by itself"
    try:
        with only_one(f"rollout of {host.name} in {one.environment.name}", one.run.operator):
            steps(one, said, seen, verified)
        outcome.failure = ""
    except OperatorError as error:
        outcome.failure = str(error)
    except Exception as error:  # the report of the other hosts is kept whatever one of them did
        outcome.failure = str(unforeseen(host.name, error))
    except KeyboardInterrupt:
        one.shown.detail("interrupted")  # in the outcome since it began
    outcome.seconds = time.monotonic() - started + (verified.seconds if verified else 0)
    how = "FAILED" if outcome.failure else "done" if outcome.changed else "no changes"
    one.shown.ended(f"{how} in {outcome.seconds:.1f} s")


def steps(
    one: OneHost, said: Mapping[str, str], seen: Look, verified: VerificationResult | None
) -> None:
    """The steps on one host."""
    # One commit, whichever host resolved it.
    one.outcome.commit, one.outcome.claim = resolution(one.host, said)
    # No company may run on two hosts: whoever ran one has let go of it.
    one.outcome.released = companies_released(one.environment, one.host, seen.running)
    one.outcome.others_answered = moving.others_answered(one.host, seen.running)
    if verified:
        take_answers(one.outcome, next(run for run in seen.runs if run.host == one.host.name))
    else:
        # Stage beside what runs, switch where it differs, set aside, archive.
        deploy(one)
    with Connections() as connections:
        if SERVICE not in one.host.groups:
            check(one, verified)
            return
        # Is the host as declared, and is in the archives what was set aside? Its history gets the answer.
        prove(one, connections, verified)
        # Only then does what is due go, proven once more by the host; and the disk is looked at.
        remove(one, connections)
