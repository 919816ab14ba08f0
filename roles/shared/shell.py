"""Commands for the host's shell, and what they say and are given."""

from typing import Any

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase
from pyinfra.api.hiddenvalue import HiddenValue


class SecretLines(list[str]):
    """Lines for pyinfra's ``_stdin`` that print as a mask.

    Secrets reach a host on standard input only: ``_env`` and arguments stand in the remote argv,
    and a fact's or an operation's keyword arguments are printed when it fails or with ``-v``
    (docs/facts.md section 5, "Exit codes and output"). pyinfra's ``write_stdin`` takes any list.
    """

    def __repr__(self) -> str:
        return str(HiddenValue(""))

    __str__ = __repr__


class Lines(FactBase[list[str]]):
    """The lines that its command prints; none where it says nothing."""

    default = list

    def process(self, output: list[str]) -> list[str]:
        return list(output)


class Affirmed(FactBase[bool]):
    """Whether its command says yes: only the positive word counts, whatever went wrong."""

    default = bool

    def process(self, output: list[str]) -> bool:
        return output[-1:] == ["yes"]


def script(text: str, *arguments: str, **how: Any) -> StringCommand:
    """A script for ``sh``, with arguments that it reads as they are, and pyinfra's own (``_stdin``)."""
    quoted = map(QuoteString, arguments)
    return StringCommand("sh", "-c", QuoteString(text), "sh", *quoted, **how)


def failing(why: str) -> StringCommand:
    """A command that says why on standard error and fails, where only the host could know before."""
    return StringCommand("echo", QuoteString(why), ">&2; exit 1")
