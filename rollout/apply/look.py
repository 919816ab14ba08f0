"""A look at hosts before anything is changed: what each would do, and which companies run where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rollout.apply import moving
from rollout.apply.moving import Move
from rollout.apply.plan import HostPlan, host_plan
from rollout.console import Progress
from rollout.deploys.runs import Deploy, HostRun, run_deploys
from rollout.environment.environment import AT_ONCE, SERVICE, Environment, Host


@dataclass(frozen=True)
class Look:
    """What hosts answered."""

    environment: Environment
    hosts: Sequence[Host]  # those that are rolled out, in order
    runs: Sequence[HostRun]  # the dry run of each, in their order
    running: moving.Running  # which companies run where; empty where that decides nothing

    @property
    def plans(self) -> list[HostPlan]:
        runs = zip(self.hosts, self.runs, strict=True)
        return [self._with_moves(host, host_plan(run)) for host, run in runs]

    def _with_moves(self, host: Host, plan: HostPlan) -> HostPlan:
        """A plan that also says which companies come from another host that still runs them."""
        moves, leaving = moves_in(self.hosts, host, self.running)
        notes = [f"company {move.company} moves here from {move.source}" for move in leaving]
        staying = [move for move in moves if move not in leaving]
        refusals = [moving.refusal(move, self.environment.name) for move in staying]
        return replace(plan, notes=(*plan.notes, *notes), refusals=(*refusals, *plan.refusals))

    @property
    def nothing_to_do(self) -> bool:
        return all(plan.nothing_to_do for plan in self.plans)


def look(environment: Environment, hosts: Sequence[Host], shown: Progress) -> Look:
    """Ask hosts, side by side, what each would change; and every service host what it runs."""
    runs = dry_runs(environment, hosts, hosts, moving.not_asked(environment), shown)
    found = Look(environment, hosts, runs, {})
    looked_at = {host.name for host in hosts}
    everywhere = {host.name for host in environment.in_group(SERVICE)} <= looked_at
    # Each runs what is declared for it, and no company is declared twice: there is no more to ask.
    if everywhere and found.nothing_to_do:
        return found
    return replace(found, running=moving.ask_hosts(environment, shown))


def plan_hosts(environment: Environment, hosts: Sequence[Host], shown: Progress) -> list[HostPlan]:
    """``rollout plan``: what a rollout would change, host by host, with nothing changed."""
    found = look(environment, hosts, shown)
    # What the others run decides nothing but refusals.
    refusing = {plan.host for plan in found.plans if plan.refusals} if found.running else set()
    again = [host for host in hosts if host.name in refusing]
    if again:
        anew = dry_runs(environment, hosts, again, found.running, shown)
        by_name = {run.host: run for run in anew}
        found = replace(found, runs=[by_name.get(run.host, run) for run in found.runs])
    return found.plans


def dry_runs(
    environment: Environment,
    rolled_out: Sequence[Host],
    hosts: Sequence[Host],
    running: moving.Running,
    shown: Progress,
) -> list[HostRun]:
    """Prepare the deploy on hosts, several at once, and change nothing; ``rolled_out`` are all, in order."""

    def deploy(host: Host) -> Deploy:
        progress = shown.of(host.name)
        progress.step("looking at what is there")
        _, leaving = moves_in(rolled_out, host, running)
        of_the_others = {
            "released": moving.released(host, running, leaving),
            "others_answered": moving.others_answered(host, running),
        }
        return Deploy(host, of_the_others, progress.detail)

    runs = run_deploys(environment, list(map(deploy, hosts)), dry=True, at_once=AT_ONCE)
    for host in hosts:
        shown.of(host.name).ended()
    return runs


def moves_in(
    hosts: Sequence[Host], host: Host, running: moving.Running
) -> tuple[list[Move], list[Move]]:
    """The moves to a host, and those of them whose source is rolled out before it."""
    earlier = {one.name for one in hosts[: hosts.index(host)]}
    moves = moving.moves_to(host, running)
    return moves, [move for move in moves if move.source in earlier]
