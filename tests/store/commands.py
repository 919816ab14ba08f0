"""A command as an operator runs it."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sessionstore.commands import cli

PROJECT = str(Path(__file__).parents[2])


def run(*arguments: str, plan: object = None) -> tuple[int, list[dict[str, Any]], str]:
    """Run a command; gives exit code, events and what it said to people.

    In this process: starting one for each command took longer than the commands.
    """
    told, said = io.StringIO(), io.StringIO()
    plan_given = io.StringIO(json.dumps(plan) if plan is not None else "")
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(said),
    ):
        patch.setattr(sys, "stdin", plan_given)
        code = cli.main(arguments)
    return code, [json.loads(line) for line in told.getvalue().splitlines()], said.getvalue()
