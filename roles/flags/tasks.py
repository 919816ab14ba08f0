"""Stage the next .env beside the live one; the switch puts it in place."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import StringCommand

from roles.hostprogram.ask import Question, ask
from roles.hostprogram.command import installed_command
from roles.hostprogram.plan import environment_plan


def question() -> Question:
    """Is the next .env as declared?"""
    return Question("env --check --plan -", environment_plan(host.data.dict()))


@operation()
def env_staged() -> Iterator[StringCommand]:
    """Have ``.env.next`` hold what the live ``.env`` holds, with the declared settings in it.

    The file is edited on the host, so that secrets that only the host knows never leave it.
    """
    if ask(question())["exit"] == 0:
        host.noop("the next .env is as declared")
        return
    yield installed_command("env --plan -", environment_plan(host.data.dict()))


def stage() -> None:
    """The flags' step."""
    env_staged(name="Stage the next .env")
