"""What the host program answers when it is asked, read-only."""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyinfra import host, state
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.facts import FactBase
from pyinfra.api.state import StateStage

from roles.hostprogram.command import PROGRAM, streamed_command, streamed_stdin
from roles.hostprogram.said import object_in
from roles.shared.shell import SecretLines

# What the host said last, by the program's subcommand: whoever drives a dry run shows it to people.
LAST_ANSWERS: dict[str, dict[str, Any]] = {}

_KEPT: dict[tuple[str, Hashable], tuple[tuple[Any, int], Any]] = {}
"""By host and question: when it was answered, and what."""

EXIT_MARK = "hostswitch-exit="


class HostProgramAnswers(FactBase[dict[str, Any]]):
    """What the host program answers to questions, and the exit code with which it ended.

    The command itself always ends in 0: a failing fact would mark the host as failed and still
    return its default (docs/facts.md section 5, "Two phases"). So the exit code is part of the answer,
    and where there is none the host went away.
    """

    def command(self, installed: bool) -> StringCommand:
        program = StringCommand(PROGRAM, "survey") if installed else streamed_command("survey")
        return StringCommand(program, f"; echo {EXIT_MARK}$?")

    @staticmethod
    def default() -> dict[str, Any]:
        return {"exit": None, "answers": {}}

    def process(self, output: list[str]) -> dict[str, Any]:
        """``exit``, and ``answers``: the command asked → its last JSON object's fields, and its ``exit``."""
        found = self.default()
        for line in output:
            if line.startswith(EXIT_MARK):
                found["exit"] = int(line.removeprefix(EXIT_MARK))
            elif line.startswith("{") and (one := object_in(line)).get("event") == "answer":
                found["answers"][one["command"]] = {**one["answer"], "exit": one["exit"]}
        return found


@dataclass(frozen=True)
class Question:
    """A question for the host program: its command line, and the JSON object on its input."""

    command: str
    plan: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        return self.command, json.dumps(self.plan, sort_keys=True)


_DECLARED: list[Callable[[], Question]] = []
_ASKED: set[tuple[str, StateStage]] = set()
"""Where the declared questions were asked: a host, and whether a plan was made or carried out."""


def declare(question: Callable[[], Question]) -> None:
    """Have a question asked together with the first one that a run asks of a host."""
    _DECLARED.append(question)


def ask(question: Question) -> dict[str, Any]:
    """Ask the host program, unless it has answered already and nothing was changed since.

    The first that is asked takes all that were declared along: a rollout that has nothing to change
    starts the program once. After a step that changes the host, each asks for itself.

    Returns:
        Its last JSON object, and ``exit``: its exit code, or None where nothing answered.
    """
    first = (host.name, state.current_stage)
    if first not in _ASKED:
        _ASKED.add(first)
        _put([one for one in (make() for make in _DECLARED) if not _too_early(one)])
    answer = _too_early(question) or known(question.key) or _put([question])
    LAST_ANSWERS[question.command.split(" -", maxsplit=1)[0]] = answer
    return answer


def _put(questions: Sequence[Question]) -> dict[str, Any]:
    """Put questions to the host program, and keep its answers; gives that to the last of them.

    Even where there is no Python the shell says with what code that ended; else the host went away.
    """
    # While a plan is made the program is streamed into memory, so that it need not be installed
    # yet; when the rollout comes to it, the host role has installed it.
    installed = state.current_stage == StateStage.Execute
    payload = {"questions": [{"command": one.command, "plan": one.plan} for one in questions]}
    stdin = SecretLines([json.dumps(payload)]) if installed else streamed_stdin(payload)
    said = host.get_fact(HostProgramAnswers, installed=installed, _stdin=stdin)
    if said["exit"] is None:
        asked = ", ".join(one.command for one in questions)
        raise PyinfraError(f"{host.name}: it did not answer {asked}")
    answer = {"exit": None, "reason": "the host did not answer"}
    for question in questions:
        if question.command in said["answers"]:
            answer = said["answers"][question.command]
            keep(question.key, answer)
    return answer


def _too_early(question: Question) -> dict[str, Any] | None:
    """Why a question can't be asked yet: on a bare host nothing can read the repository."""
    if question.plan.get("revision") != "":
        return None
    return {"exit": None, "reason": "the declared revision can't be read on this host yet"}


def keep(question: Hashable, answer: Any) -> None:
    """Keep an answer to a question, with all that it depends on, for as long as nothing is changed here.

    pyinfra asks again for every fact (docs/facts.md section 5, "Two phases"). Where nothing was changed in
    between, the answer is the same, and a rollout that has nothing to change need not ask twice.
    """
    _KEPT[(host.name, question)] = (_moment(), answer)


def known(question: Hashable) -> Any | None:
    """The kept answer, or None where there is none that still holds."""
    moment, answer = _KEPT.get((host.name, question), (None, None))
    return answer if moment == _moment() else None


def _moment() -> tuple[Any, int]:
    """The stage of the run, and how many operations have changed this host in it."""
    metas = (operation.operation_meta for operation in state.ops[host].values())
    return state.current_stage, sum(meta.is_complete() and meta.did_change() for meta in metas)
