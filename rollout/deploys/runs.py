"""Runs of ``deploy.py``, seen from the command: start the engine, follow its events host by host."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from hostswitch.decide.due import WAITING_FOR_VERIFICATION
from rollout.environment.environment import Environment, Host, handed_over
from rollout.errors import OperatorError
from rollout.hosts.program import RESULT, checked, last_object
from rollout.processes.reporting import run_reporting

Progress = Callable[[str], None]
# Outcomes of a step of the host program that did nothing.
ONLY_WAITED = ("waiting", WAITING_FOR_VERIFICATION)


@dataclass
class HostRun:
    host: str
    succeeded: bool = False
    changed: list[str] = field(default_factory=list)
    planned: list[str] = field(default_factory=list)  # names of the steps that would, in a dry run
    # what the host program answered in a dry run, by subcommand
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    # the last JSON object that each step of the host program printed, by step name
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    step: str = ""  # the step that was begun last
    failure: str = ""  # the step that failed, with what it said
    commit: str = ""  # what the declared revision was resolved to; empty where it was not asked for
    log: list[str] = field(default_factory=list)  # pyinfra's own warnings and errors, in order


@dataclass
class Deploy:
    host: Host
    overrides: Mapping[str, Any]  # data of this run (``rollout_id``, ``operator``, ``reason``)
    progress: Progress  # called with the name of each step as it begins

    def __post_init__(self) -> None:
        # Filled as it goes: who is interrupted has what was done until then.
        self.seen = HostRun(self.host.name)


def run_deploys(
    environment: Environment, deploys: Sequence[Deploy], *, dry: bool, at_once: int
) -> list[HostRun]:
    """Run ``deploy.py`` on hosts and follow each to its end; a failure is returned, not raised."""
    concerned = replace(environment, hosts=tuple(one.host for one in deploys))
    request = {
        "environment": handed_over(concerned),
        "deploys": [{"host": one.host.name, "overrides": dict(one.overrides)} for one in deploys],
        "dry": dry,
        "at_once": at_once,
    }
    command = [sys.executable, "-m", "rollout.deploys.engine"]
    readers = [partial(follow, one) for one in deploys]
    _, _, said = run_reporting(
        lambda given, events: [*command, given, events], request, readers, PYINFRA_PROGRESS="off"
    )
    runs = [one.seen for one in deploys]
    for one in runs:
        if not one.succeeded and not one.failure:
            words = "; ".join(one.log[-3:]) or said.strip()[-2000:]
            one.failure = words or "the engine ended without a word"
    return runs


def follow(deploy: Deploy, events: Iterable[str]) -> None:
    outcome = deploy.seen
    for line in events:
        try:
            event = json.loads(line)
        except ValueError:  # the engine was ended in the middle of it
            break
        try:
            take_event(outcome, event, deploy.progress)
        except OperatorError as error:
            outcome.failure = outcome.failure or str(error)
        if event["event"] == "ended":
            outcome.succeeded = event["succeeded"] and not outcome.failure
            break


def take_event(outcome: HostRun, event: Mapping[str, Any], progress: Progress) -> None:
    kind = event["event"]
    if kind == "operation":
        outcome.step = event["name"]
        progress(outcome.step)
    elif kind == "operation ended":
        take_operation(outcome, event)
    elif kind == "planned" and event["changes"]:
        outcome.planned.append(event["name"])
    elif kind == "answers":
        checked(outcome.host, event["answers"], {"*": RESULT})
        outcome.answers = event["answers"]
        outcome.commit = event["commit"]
    elif kind == "failed":
        outcome.failure = outcome.failure or event["text"]
    elif kind == "log":
        outcome.log.append(event["text"].strip())


def take_operation(outcome: HostRun, event: Mapping[str, Any]) -> None:
    name = event["name"]
    changed = event["changed"] and not event["failed"]
    if changed:
        outcome.changed.append(name)  # also where its answer can't be read
    answer = last_object(outcome.host, event["stdout"], RESULT)
    if answer:
        outcome.results[name] = answer
    if changed and answer.get("outcome") in ONLY_WAITED:
        outcome.changed.remove(name)
    if event["failed"]:
        error = outcome.results.get(name, {}).get("error")
        said = [error] if error else [line for line in event["stderr"] if line.strip()][-12:]
        outcome.failure = f"{name}: " + "\n".join(said or outcome.log[-3:] or ["no reason given"])
