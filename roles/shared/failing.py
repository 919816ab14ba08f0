"""A step that can't be taken."""

from __future__ import annotations

from pyinfra.api.command import QuoteString, StringCommand


def failing(why: str) -> StringCommand:
    """A command that says why on standard error and fails, where only the host could know before."""
    return StringCommand("echo", QuoteString(why), ">&2; exit 1")
