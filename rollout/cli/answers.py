"""What ``--json`` prints: one object a command, in the shape that ``docs/commands.md`` promises.

A field keeps its name and meaning within a ``format``; new ones may come beside it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rollout.apply.plan import HostPlan
from rollout.apply.report import Report
from rollout.console import stdout_console
from rollout.environment.environment import Environment
from rollout.errors import MistakesError, OperatorError
from rollout.verify.checks import VerificationResult

FORMAT = 1
Render = Callable[..., None]


def answer(command: str, **fields: Any) -> dict[str, Any]:
    """What a command prints: its object begins alike everywhere; `environment` first where it has one."""
    return {"format": FORMAT, "command": command, **fields}


def tell(answer: Mapping[str, Any], render: Render, *shown: Any, as_json: bool) -> None:
    """An answer for a program, or what it is about for people."""
    if as_json:
        print_json(answer)
    else:
        render(stdout_console(), *shown)


def print_json(value: Mapping[str, Any]) -> None:
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def plan_answer(environment: Environment, plans: Sequence[HostPlan]) -> dict[str, Any]:
    return answer("plan", environment=environment.name, hosts=[asdict(plan) for plan in plans])


def apply_answer(environment: Environment, report: Report) -> dict[str, Any]:
    """What ``rollout apply --json`` prints: the report that is kept, too."""
    return answer("apply", environment=environment.name) | dict(report)


def verify_answer(environment: Environment, result: VerificationResult) -> dict[str, Any]:
    return answer("verify", environment=environment.name) | result.to_json()


def status_answer(
    environment: Environment, answers: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What ``rollout status --json`` prints: each host program's own answer, or its error."""
    hosts = [_ours({"host": host}, found) for host, found in answers.items()]
    return answer("status", environment=environment.name, hosts=hosts)


def restore_answer(
    environment: Environment, rollout_id: str, restoration: Mapping[str, Any]
) -> dict[str, Any]:
    begins = answer("sessions restore", environment=environment.name, rollout_id=rollout_id)
    return _ours(begins, restoration)


def _ours(begins: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What a host said behind what is ours: it speaks for no other host, and of no other format."""
    return begins | dict(said) | begins


def error_answer(error: OperatorError) -> dict[str, Any]:
    """What any command prints with ``--json`` when it ends in an error of the operator's."""
    mistakes = error.mistakes if isinstance(error, MistakesError) else ()
    return {
        "format": FORMAT,
        "error": error.message.splitlines()[0],
        "remedy": error.remedy,
        "mistakes": [asdict(mistake) for mistake in mistakes],
    }
