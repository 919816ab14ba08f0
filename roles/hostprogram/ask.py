"""What the host program answers when it is asked, read-only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyinfra import host, state
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.facts import FactBase
from pyinfra.api.state import StateStage

from roles.hostprogram.command import PROGRAM, streamed_command, streamed_stdin
from roles.hostprogram.commit import COMMIT, NO_SUCH_REVISION, DeclaredCommit
from roles.hostprogram.remembered import keep, known, remembered
from roles.hostprogram.said import object_in
from roles.shared.secret_lines import SecretLines

# What the host said last, by the program's subcommand: whoever drives a dry run shows it to people.
LAST_ANSWERS: dict[str, dict[str, Any]] = {}

# What each host resolved its declared revision to in this process, which is one run.
COMMITS: dict[str, str] = {}

_DECLARED: list[Callable[[], Question]] = []
_ASKED: set[tuple[str, StateStage]] = set()
"""Where the declared questions were asked: a host, and whether a plan was made or carried out."""

EXIT_MARK = "hostswitch-exit="


class HostProgramAnswers(FactBase[dict[str, Any]]):
    """What the host program answers to questions, and the exit code with which it ended.

    The command itself always ends in 0: a failing fact would mark the host as failed and still
    return its default (docs/facts.md section 5, "Two phases"). So the exit code is part of the answer,
    and where there is none the host went away.
    """

    def command(self, installed: bool) -> StringCommand:
        """The program, installed or streamed; the questions come with the call."""
        words = "survey"
        program = StringCommand(PROGRAM, words) if installed else streamed_command(words)
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

    Raises:
        PyinfraError: the host went away. Even where there is no Python the shell says with what code
            that ended.
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


def declared_commit() -> dict[str, Any]:
    """The declared revision: ``commit``, ``staged`` and ``reason``, why there is no commit.

    A declared commit is never the host's to say. A tag or a branch is asked of the repository once: one
    that moves in the middle must not have one commit staged and another switched to. What the rollout
    resolved before (``resolved_commit``) stays what it rolls out: nothing else was proven. Where one other
    host alone has said what it is (``claimed_commit``), this one must find the same.

    Raises:
        PyinfraError: the repository has no such revision, or it is another one on another host.
    """
    data = host.data
    resolved = data.get("resolved_commit") or data.service_revision
    wanted = {
        "repository": data.service_repository,
        "revision": COMMITS.get(host.name, resolved),
        "releases": f"{data.app_dir}/releases",
    }
    answer = remembered(
        ("commit", *wanted.values()),
        lambda: dict(host.get_fact(DeclaredCommit, **wanted, _sudo_user=data.service_user)),
    )
    if COMMIT.fullmatch(wanted["revision"]):
        told = NO_SUCH_REVISION if answer["reason"] == NO_SUCH_REVISION else ""
        answer = {**answer, "commit": wanted["revision"], "reason": told}
    _demand_known(answer, wanted, data.get("claimed_commit"))
    if answer["commit"]:
        COMMITS[host.name] = answer["commit"]
        keep(("commit", *{**wanted, "revision": answer["commit"]}.values()), answer)
    return answer


def _demand_known(answer: Mapping[str, Any], wanted: Mapping[str, str], claimed: str) -> None:
    place = f"group_vars/{host.data.environment}/"
    what = f"{host.name}: service_revision {wanted['revision']}"
    if answer["reason"] == NO_SUCH_REVISION:
        raise PyinfraError(
            f"{what} is unknown: {wanted['repository']} has no such tag, branch or commit.\n"
            f"  → set it in {place} (a commit with all its 40 digits)"
        )
    if claimed and answer["commit"] and answer["commit"] != claimed:
        raise PyinfraError(
            f"{what} is {answer['commit']} here, and {claimed} on another host: it moved meanwhile, or one"
            f" of them is not to be trusted.\n  → declare the commit itself in {place}"
        )
