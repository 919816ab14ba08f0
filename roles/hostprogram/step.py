"""A step of the rollout that the host program decides on and takes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import StringCommand

from roles.hostprogram.ask import Question, ask, declare
from roles.hostprogram.command import installed_command
from roles.hostprogram.commit import declared_commit
from roles.hostprogram.plan import host_plan
from roles.hostprogram.steps import Step

NOTHING_TO_DO = 0
"""The one exit code of a check that lets a step out."""

Plan = Mapping[str, Any]


def declared_plan() -> Plan:
    """What is declared for this host, with the commit as the host resolves it."""
    return host_plan(host.data.dict(), host.name, declared_commit()["commit"] or "")


def host_program_step(
    step: Step,
    plan: Callable[[], Plan] = declared_plan,
    act: Callable[[str, Plan], StringCommand] = installed_command,
) -> Callable[[], None]:
    """A role's task: let the host program do what its own check says there is to do.

    Args:
        plan: made when the step runs, never before: what it tells may come from an earlier step.
    """

    def question() -> Question:
        return Question(f"{step.check or f'{step.command} --check'} --plan -", plan())

    def task() -> None:
        done_if_needed(name=step.title, question=question, act=act, command=step.command)

    declare(question)
    return task


@operation()
def done_if_needed(
    question: Callable[[], Question], act: Callable[[str, Plan], StringCommand], command: str
) -> Iterator[StringCommand]:
    """What a ``host_program_step`` does, decided on the host when it runs, never while preparing.

    Only a positive answer counts as “nothing to do”: a host that refuses, or did not answer, is given
    the command, and its own error is shown (docs/facts.md section 5, "Two phases").
    """
    asked = question()
    if ask(asked)["exit"] == NOTHING_TO_DO:
        host.noop(f"nothing to do: {command}")
        return
    yield act(f"{command} --plan -", asked.plan)
