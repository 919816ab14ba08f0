"""The program on the host as pyinfra runs it: installed by the host role, or streamed.

Roles reach ``sessionstore`` and ``hostswitch`` in this way only; they never import them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from pyinfra.api.command import QuoteString, StringCommand

from roles.shared.program import LOADER, PROGRAM, detached_words, zipapp
from roles.shared.secret_lines import SecretLines


def streamed_command(arguments: str) -> StringCommand:
    """The command that runs the program from memory; its standard input is ``streamed_stdin``."""
    return StringCommand("python3", "-c", QuoteString(LOADER), arguments)


def streamed_stdin(payload: Mapping[str, Any]) -> SecretLines:
    """Standard input for ``streamed_command``: the program, then its plan."""
    program = base64.b64encode(zipapp()).decode()
    return SecretLines([str(len(program)), program, json.dumps(payload)])


def installed_command(arguments: str, payload: Mapping[str, Any]) -> StringCommand:
    """Run the installed program with a plan on standard input."""
    return StringCommand(PROGRAM, arguments, _stdin=SecretLines([json.dumps(payload)]))


def detached_command(arguments: str, payload: Mapping[str, Any]) -> StringCommand:
    """Run the installed program as a systemd unit of its own, and wait for it."""
    words = detached_words(arguments, payload["rollout_id"])
    return StringCommand(words, _stdin=SecretLines([json.dumps(payload)]))
