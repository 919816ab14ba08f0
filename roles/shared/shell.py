"""Commands for the host's shell."""

from __future__ import annotations

from typing import Any

from pyinfra.api.command import QuoteString, StringCommand


def script(text: str, *arguments: str, **how: Any) -> StringCommand:
    """A script for ``sh``, with arguments that it reads as they are.

    Args:
        how: pyinfra's own arguments (``_stdin``, ``_sudo_user``).
    """
    quoted = map(QuoteString, arguments)
    return StringCommand("sh", "-c", QuoteString(text), "sh", *quoted, **how)


def failing(why: str) -> StringCommand:
    """A command that says why on standard error and fails, where only the host could know before."""
    return StringCommand("echo", QuoteString(why), ">&2; exit 1")
