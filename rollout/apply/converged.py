"""A first look at all hosts at once: is there anything to do at all?

A rollout that has nothing to change needs no order, no barrier and no engine for each host: every host is
asked what it would change, side by side, and where none would change anything all are verified. A host
that has something to do, would refuse or can't be asked is none of this module's business: then every
host goes through the whole procedure, in order, and is asked again when its turn comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.apply import moving
from rollout.apply.look import NOTHING_TO_DO, asked_after, exit_code, first_look, plans_of
from rollout.console import Progress
from rollout.deploys.runs import HostRun
from rollout.environment.environment import Environment, Host
from rollout.errors import OperatorError
from rollout.verify.checks import VerificationResult
from rollout.verify.verify import verify_hosts


@dataclass(frozen=True)
class Converged:
    """A host that has nothing to do.

    Args:
        look: what it answered when it was asked what would change.
        verification: what the checks found on it after that.
    """

    look: HostRun
    verification: VerificationResult


def converged(
    environment: Environment, hosts: Sequence[Host], shown: Progress
) -> tuple[moving.Running, dict[str, Converged], dict[str, str]]:
    """Look whether any host has anything to do; where none has, verify them all.

    Args:
        environment: the environment.
        hosts: which of its hosts, in rollout order.
        shown: where progress goes.

    Returns:
        Which companies run where, as far as it had to be asked; by host what was seen, empty where
        any has something to do or could not be asked; and by host what it resolved its revision to.
    """
    looks = first_look(environment, hosts, shown)
    commits = {look.host: look.commit for look in looks if look.commit}
    running = asked_after(environment, hosts, looks, shown)
    if exit_code(plans_of(environment, hosts, running, looks)) != NOTHING_TO_DO:
        return running, {}, commits
    try:
        found = verify_hosts(environment, hosts, shown=shown.of)
    except OperatorError:
        # Checked one by one in their turn, they tell which of them it is.
        return running, {}, commits
    seen = {
        host.name: Converged(look, verification)
        for host, look, verification in zip(hosts, looks, found, strict=True)
    }
    return running, seen, commits
