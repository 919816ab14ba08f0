"""Several read-only questions at once: each in a child of this process, which has imported all of it.

A converged rollout asks six of them. One after the other, each as a program of its own, they are
five starts of Python and five round trips; here the starts are one, and they wait side by side. In
processes: what reads a user's files has that user's rights meanwhile, and threads share them.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from hostswitch.base.errors import ERROR
from hostswitch.base.structured import one_of

READ_ONLY = (
    "preflight --plan -",
    "env --check --plan -",
    "archive --check --plan -",
    "remove --check --plan -",
    "prune --check --plan -",
    "store migrate plan --plan -",
)
"""The commands that may be asked: those that change nothing."""


@dataclass(frozen=True)
class Question:
    command: Annotated[str, one_of(*READ_ONLY)]
    plan: Mapping[str, Any]


@dataclass(frozen=True)
class Survey:
    questions: tuple[Question, ...]


def ask_all(
    asked: Sequence[Question], answer: Callable[[list[str]], int]
) -> Iterator[dict[str, Any]]:
    """Ask all at once; `answer` runs a command's words on the process's own input and output.

    In order: ``command``, ``exit`` (its code) and ``answer``, the last JSON object that it printed.
    """
    running = [(question, *_start(question, answer)) for question in asked]
    for question, pid, output in running:
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        yield {"command": question.command, "exit": code, "answer": _last_object(output)}


def _start(question: Question, answer: Callable[[list[str]], int]) -> tuple[int, int]:
    # In memory: the plan holds the database's password.
    given, output = os.memfd_create("plan"), os.memfd_create("answer")
    with open(given, "wb") as file:
        file.write(json.dumps(question.plan).encode())
        file.seek(0)
        pid = os.fork()
        if pid == 0:
            os.dup2(given, 0)
            os.dup2(output, 1)
            _answer_and_end(shlex.split(question.command), answer)
    return pid, output


def _answer_and_end(words: list[str], answer: Callable[[list[str]], int]) -> NoReturn:
    code = ERROR
    try:
        # The parent has read its own to the end.
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        code = answer(words)
        sys.stdout.flush()
    except BaseException as error:
        sys.stderr.write(f"{shlex.join(words)}: {type(error).__name__}: {error}\n")
    finally:
        os._exit(code)


def _last_object(output: int) -> dict[str, Any]:
    os.lseek(output, 0, os.SEEK_SET)
    with open(output, encoding="utf-8", errors="replace") as file:
        lines = [line for line in file if line.startswith("{")]
    return dict(json.loads(lines[-1])) if lines else {}
