"""``rollout apply``: the rollout of an environment, the first service host as barrier, then batches.

A first look at all hosts at once tells whether there is anything to do
(``rollout/apply/converged.py``). Where there is, the order on each host is the procedure: stage and
switch, verify, check the archives, remove what is due, verify the disk. The first failure stops: a
host that is under way beside it comes to its own end, for a switch is not cut off half way; hosts
that were not begun are listed as untouched.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rollout.apply.converged import converged
from rollout.apply.one_host import apply_host
from rollout.apply.outcome import HostOutcome, Outcome
from rollout.console import Progress
from rollout.environment.batches import AT_ONCE, batches
from rollout.environment.environment import Environment, Host
from rollout.errors import OperatorError
from rollout.processes.children import each
from rollout.run import Run

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
        at_once: how many hosts a batch has (``rollout/environment/batches.py``).
    """
    started = time.monotonic()
    outcome = Outcome(environment.name, run)
    try:
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
    environment: Environment,
    hosts: Sequence[Host],
    outcome: Outcome,
    shown: Progress,
    at_once: int,
) -> None:
    """Roll out to hosts; each is in the outcome from its beginning.

    Raises:
        KeyboardInterrupt: the operator interrupted; every host that was begun has ended, unless it was
            twice.
    """
    running, as_declared, looked = converged(environment, hosts, shown)
    said = commits_said(hosts, looked)

    def apply_one(host: Host) -> None:
        by_host = said.get(revision_of(host), {})
        if len(set(by_host.values())) > 1:
            outcome.hosts.append(HostOutcome(host.name, failure=dispute(host, by_host)))
            return
        commit, claim = resolution(host, by_host)
        begun = HostOutcome(host.name, commit=commit, claim=claim)
        outcome.hosts.append(begun)
        apply_host(
            environment,
            host,
            outcome.run,
            shown.of(host.name),
            begun,
            running=running,
            converged=as_declared.get(host.name),
        )

    # Where nothing is to be done there is nothing to be a barrier for.
    for batch in [tuple(hosts)] if as_declared else batches(hosts, at_once):
        each(batch, apply_one, at_once)
        if any(one.failure for one in outcome.hosts):
            return
        looked = {**looked, **{one.host: one.commit for one in outcome.hosts if one.commit}}
        said = commits_said(hosts, looked)


def revision_of(host: Host) -> Revision:
    """What a host is to run, as declared: hosts may differ in it."""
    return host.settings.get("service_repository"), host.settings.get("service_revision")


def commits_said(
    hosts: Sequence[Host], commits: Mapping[str, str]
) -> dict[Revision, Mapping[str, str]]:
    """By revision, what the hosts that are to run it resolved it to; a database host resolves none.

    Args:
        hosts: the hosts.
        commits: by host what it said.
    """
    found: dict[Revision, dict[str, str]] = {}
    for host in hosts:
        if host.name in commits:
            found.setdefault(revision_of(host), {})[host.name] = commits[host.name]
    return dict(found)


def resolution(host: Host, by_host: Mapping[str, str]) -> tuple[str, str]:
    """The commit that a host is to run, and the one that it must find itself; empty where not known.

    What two hosts said is known, and a branch may move while the others are rolled out. What one said
    is its own: no host chooses what another deploys.

    Args:
        host: the host.
        by_host: what hosts said of its revision, all of them the same.
    """
    claim = next(iter(by_host.values()), "")
    return claim if host.name in by_host or len(by_host) > 1 else "", claim


def dispute(host: Host, by_host: Mapping[str, str]) -> str:
    """What to do about a revision that is disputed."""
    what = ", ".join(f"{commit} on {name}" for name, commit in by_host.items())
    error = OperatorError(
        f"{host.name}: service_revision {revision_of(host)[1]} is {what}: it moved meanwhile, or one of"
        " them is not to be trusted. Nothing was done.",
        "the same command again; or declare the commit itself",
    )
    return str(error)
