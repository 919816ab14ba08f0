"""What the host program answers when it is asked, read-only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyinfra import host, state
from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from pyinfra.api.state import StateStage

from roles.shared.host_program import streamed_command, streamed_stdin
from roles.shared.program import PROGRAM
from roles.shared.release_facts import DeclaredCommit
from roles.shared.secret_lines import SecretLines

# What the host said last, by the program's subcommand: whoever drives a dry run shows it to people.
LAST_ANSWERS: dict[str, dict[str, Any]] = {}

EXIT_MARK = "hostswitch-exit="


class HostProgramAnswer(FactBase[dict[str, Any]]):
    """The last JSON object that the streamed host program printed, with its exit code.

    The command itself always ends in 0: a failing fact would mark the host as failed and still
    return its default (DOMAIN.md section 5, "Two phases"). So the exit code is part of the answer,
    and an answer without one is no answer.
    """

    def command(self, arguments: str, installed: bool) -> StringCommand:
        """The program with these arguments, installed or streamed; its input comes with the call."""
        program = StringCommand(PROGRAM, arguments) if installed else streamed_command(arguments)
        return StringCommand(program, f"; echo {EXIT_MARK}$?")

    @staticmethod
    def default() -> dict[str, Any]:
        """No answer."""
        return {"exit": None, "reason": "the host did not answer"}

    def process(self, output: list[str]) -> dict[str, Any]:
        """The answer: the last JSON object's fields and ``exit``.

        Args:
            output: the lines on standard output.
        """
        answer: dict[str, Any] = {}
        code: int | None = None
        for line in output:
            if line.startswith(EXIT_MARK):
                code = int(line.removeprefix(EXIT_MARK))
            elif line.startswith("{"):
                answer = json.loads(line)
        return {**self.default(), **answer, "exit": code}


def ask(arguments: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the host program.

    While a plan is made it is streamed into memory, so that it need not be installed yet; when the
    rollout comes to it, the host role has installed it.

    Args:
        arguments: its command line.
        payload: the JSON object on its standard input; may hold secrets.

    Returns:
        Its last JSON object, and ``exit``: its exit code, or None where nothing answered.
    """
    installed = state.current_stage == StateStage.Execute
    stdin = SecretLines([json.dumps(payload)]) if installed else streamed_stdin(payload)
    answer = dict(
        host.get_fact(HostProgramAnswer, arguments=arguments, installed=installed, _stdin=stdin)
    )
    LAST_ANSWERS[arguments.split(" -", maxsplit=1)[0]] = answer
    return answer


def declared_commit() -> dict[str, Any]:
    """The declared revision as the host resolves it: ``commit``, ``staged`` and ``reason``."""
    data = host.data
    return dict(
        host.get_fact(
            DeclaredCommit,
            repository=data.service_repository,
            revision=data.service_revision,
            releases=f"{data.app_dir}/releases",
            _sudo_user=data.service_user,
        )
    )
