"""``rollout plan``: what a rollout would change, host by host, with nothing changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rollout.apply import moving
from rollout.apply.moving import Move
from rollout.console import Progress
from rollout.deploys.runs import Deploy, HostRun, run_deploys
from rollout.environment.batches import AT_ONCE
from rollout.environment.environment import SERVICE, Environment, Host

NOTHING_TO_DO, ERROR, CHANGES = 0, 1, 2
# Exit codes with which the host program answers: nothing to do, changes, refused.
REFUSED = 3
ANSWERED = (0, 2, REFUSED)


@dataclass(frozen=True)
class HostPlan:
    """What would happen on one host.

    Args:
        host: its name.
        changes: sentences, in the order of the rollout.
        refusals: what the switch would refuse, each with its remedy.
        not_checked: what can't be known before earlier steps have run.
        notes: what is known to happen later by itself ("removal due DATE").
        failure: why the host could not be asked; empty if it could.
        found: what is wrong there and no rollout mends, with what does.
    """

    host: str
    changes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failure: str = ""
    found: tuple[str, ...] = ()


def plan_hosts(environment: Environment, hosts: Sequence[Host], shown: Progress) -> list[HostPlan]:
    """Ask each host, read-only, what would change.

    What the others run decides nothing but refusals, so only a host that refuses is asked again when
    they have been asked.

    Args:
        environment: the environment.
        hosts: which of its hosts, in rollout order.
        shown: where progress goes.
    """
    looks = first_look(environment, hosts, shown)
    running = asked_after(environment, hosts, looks, shown)
    plans = plans_of(environment, hosts, running, looks)
    refusing = {plan.host for plan in plans if plan.refusals} if running else set()
    again = [host for host in hosts if host.name in refusing]
    if again:
        overrides = partial(overrides_of, hosts, running)
        anew = {look.host: look for look in look_at(environment, again, overrides, shown)}
        looks = [anew.get(look.host, look) for look in looks]
    return plans_of(environment, hosts, running, looks)


def first_look(environment: Environment, hosts: Sequence[Host], shown: Progress) -> list[HostRun]:
    """Prepare the deploy on every host, several at once, before any is asked what it runs."""
    unasked = moving.not_asked(environment)
    return look_at(environment, hosts, partial(overrides_of, hosts, unasked), shown)


def asked_after(
    environment: Environment, hosts: Sequence[Host], looks: Sequence[HostRun], shown: Progress
) -> moving.Running:
    """Which companies run where: asked of every service host, unless the looks say it.

    Where every service host was looked at and has nothing to do, each runs what is declared for it,
    and no company is declared twice: there is nothing to ask.
    """
    everywhere = {host.name for host in environment.in_group(SERVICE)}
    seen = {host.name for host in hosts}
    if everywhere <= seen and exit_code(plans_of(environment, hosts, {}, looks)) == NOTHING_TO_DO:
        return {}
    return moving.ask_hosts(environment, shown)


def plans_of(
    environment: Environment,
    hosts: Sequence[Host],
    running: moving.Running,
    looks: Sequence[HostRun],
) -> list[HostPlan]:
    """The plans that a look at hosts amounts to, moves of companies included."""
    return [
        with_moves(host_plan(look), environment.name, *moves_in(hosts, host, running))
        for host, look in zip(hosts, looks, strict=True)
    ]


def look_at(
    environment: Environment,
    hosts: Sequence[Host],
    overrides: Callable[[Host], dict[str, Any]],
    shown: Progress,
) -> list[HostRun]:
    """Prepare the deploy on hosts, several at once, and change nothing.

    Args:
        environment: the environment.
        hosts: which of its hosts.
        overrides: what a host is told of the others.
        shown: where progress goes.

    Returns:
        What each host answered, in the order of the hosts.
    """

    def looking(host: Host) -> Deploy:
        progress = shown.of(host.name)
        progress.step("looking at what is there")
        return Deploy(host, overrides(host), progress.detail)

    runs = run_deploys(environment, list(map(looking, hosts)), dry=True, at_once=AT_ONCE)
    for host in hosts:
        shown.of(host.name).ended()
    return runs


def overrides_of(hosts: Sequence[Host], running: moving.Running, host: Host) -> dict[str, Any]:
    """What a host is told of the others.

    Args:
        hosts: those that are rolled out, in order.
        running: which companies run where.
        host: which of them.
    """
    _, leaving = moves_in(hosts, host, running)
    return {
        "released": moving.released(host, running, leaving),
        "others_answered": moving.others_answered(host, running),
    }


def moves_in(
    hosts: Sequence[Host], host: Host, running: moving.Running
) -> tuple[list[Move], list[Move]]:
    """The moves to a host, and those of them whose source is rolled out before it."""
    earlier = {one.name for one in hosts[: hosts.index(host)]}
    moves = moving.moves_to(host, running)
    return moves, [move for move in moves if move.source in earlier]


def with_moves(
    plan: HostPlan, environment: str, moves: Sequence[Move], leaving: Sequence[Move]
) -> HostPlan:
    """A plan that also says which companies come from another host.

    Args:
        plan: what the host itself answered.
        environment: its environment.
        moves: companies that another host still runs.
        leaving: those whose host is rolled out before, and lets go of them.
    """
    notes = [f"company {move.company} moves here from {move.source}" for move in leaving]
    refusals = [moving.refusal(move, environment) for move in moves if move not in leaving]
    return replace(plan, notes=(*plan.notes, *notes), refusals=(*refusals, *plan.refusals))


def host_plan(run: HostRun) -> HostPlan:
    """The plan that a dry run amounts to."""
    if not run.succeeded:
        return HostPlan(run.host, failure=run.failure)
    preflight = run.answers.get("preflight", {})
    unknown = {step: reason for step in run.planned if (reason := unanswered(step, run.answers))}
    known = [step for step in run.planned if step not in unknown]
    if unknown and not known:
        # Everything else is as declared, so nothing that is still to come would explain it.
        return HostPlan(run.host, failure="; ".join(f"{s}: {r}" for s, r in unknown.items()))
    return HostPlan(
        run.host,
        changes=tuple(text for step in run.planned for text in sentences(step, run.answers)),
        refusals=tuple(text for step in known for text in refusals_of(step, run.answers)),
        not_checked=(
            *(f"{step}: {reason}" for step, reason in unknown.items()),
            *preflight.get("not_checked", []),
        ),
        notes=tuple(
            sentence
            for question in ("remove", "prune")
            for sentence in run.answers.get(question, {}).get("due", [])
        ),
        found=tuple(preflight.get("found", [])),
    )


def unanswered(step: str, answers: dict[str, dict[str, Any]]) -> str:
    """Why the host program could not say what a step would change; empty if it could."""
    answer = answers.get(SUBCOMMAND_OF_STEP.get(step, ""), {"exit": 0})
    if answer.get("exit") in ANSWERED:
        return ""
    return str(answer.get("error") or answer.get("reason") or "no answer")


def sentences(step: str, answers: dict[str, dict[str, Any]]) -> list[str]:
    """What a planned step changes, in words: the host program's own where it gave some."""
    answer = answers.get(SUBCOMMAND_OF_STEP.get(step, ""), {})
    details = [f"{step}: {describe(change)}" for change in answer.get("changes", [])]
    # What is refused, or could not be asked, changes nothing that is not named.
    silent = answer.get("exit") == REFUSED or unanswered(step, answers)
    return details if silent else details or [step]


def refusals_of(step: str, answers: dict[str, dict[str, Any]]) -> list[str]:
    """Why the host program would refuse a step, as it stands."""
    answer = answers.get(SUBCOMMAND_OF_STEP.get(step, ""), {})
    told = [f"{step}: {answer['error']}"] if answer.get("error") else []
    refused = answer.get("exit") == REFUSED
    return list(answer.get("refusals") or (told if refused else []))


SUBCOMMAND_OF_STEP = {
    "Migrate the schema": "store migrate plan",
    "Stage the next .env": "env",
    "Switch the service": "preflight",
    "Archive the legacy directories": "archive",
    "Remove the legacy directories that are due": "remove",
    "Remove old releases": "prune",
}


def describe(change: Any) -> str:
    """One change in words: a sentence as it is, a setting as ``NAME old → new``."""
    if isinstance(change, dict) and "sentence" in change:
        return str(change["sentence"])
    if isinstance(change, dict) and "name" in change:
        before = "unset" if change.get("from") is None else change["from"]
        return f"{change['name']} {before} → {change.get('to')}"
    return str(change)


def exit_code(plans: Sequence[HostPlan]) -> int:
    """0 nothing to do, 2 changes, 1 where a host could not be asked or would refuse."""
    if any(plan.failure or plan.refusals for plan in plans):
        return ERROR
    return CHANGES if any(plan.changes for plan in plans) else NOTHING_TO_DO
