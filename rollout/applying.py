"""``rollout apply``: the rollout of an environment, the first service host as barrier, then batches.

A first look at all hosts at once tells whether there is anything to do (``rollout/converged.py``). Where
there is, the order on each host is the procedure: stage and switch, verify, check the archives, remove
what is due, verify the disk. The first failure stops: a host that is under way beside it comes to its
own end, for a switch is not cut off half way; hosts that were not begun are listed as untouched.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from rollout.batches import AT_ONCE, batches
from rollout.console import Progress
from rollout.converged import converged
from rollout.inventory import Environment, Host
from rollout.one_host import apply_host
from rollout.outcome import HostOutcome, Outcome, Run
from rollout.parallel import each

Revision = tuple[str | None, str | None]
"""Repository, and the tag, branch or commit in it."""


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

    running, as_declared = converged(environment, hosts, shown)
    resolved: dict[Revision, str] = {}

    def apply_one(host: Host) -> HostOutcome:
        # What the barrier proved is a commit: a branch may move while the others are rolled out.
        commit = resolved.get(revision_of(host), "")
        return apply_host(
            environment,
            host,
            run,
            shown.of(host.name),
            running=running,
            commit=commit,
            converged=as_declared.get(host.name),
        )

    # Where nothing is to be done there is nothing to be a barrier for.
    for batch in [tuple(hosts)] if as_declared else batches(hosts, at_once):
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
