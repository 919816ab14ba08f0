"""What every command uses: its parser, its plan on standard input, its JSON lines."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn

OK, ERROR, CHANGES = 0, 1, 2

Run = Callable[[argparse.Namespace], int]


class UsageError(Exception):
    """Arguments or input that make no sense."""


class Parser(argparse.ArgumentParser):
    """Reports a mistake as a UsageError instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print.

        Args:
            message: what is wrong.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def emit(event: str, **fields: object) -> None:
    """Write one event as a JSON line.

    Args:
        event: its name.
        **fields: what belongs to it.
    """
    # ASCII only: a file name that is not UTF-8 must not end the program here.
    print(json.dumps({"event": event, **fields}, default=str), flush=True)


def actions_of(parser: argparse.ArgumentParser) -> Any:
    """Let a command have actions of its own.

    Args:
        parser: the command's.

    Returns:
        To add the actions to.
    """
    return parser.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)


def takes_plan(parser: argparse.ArgumentParser, run: Run) -> None:
    """Let a command read its plan, which holds a password, from standard input.

    Args:
        parser: the command's.
        run: what carries it out.
    """
    parser.add_argument(
        "--plan", required=True, choices=["-"], help="JSON on standard input: database and more"
    )
    parser.set_defaults(run=run)


def read_plan(*needed: str) -> dict[str, Any]:
    """Read the plan on standard input.

    Args:
        *needed: what it must hold besides "database".

    Returns:
        The plan.

    Raises:
        UsageError: it is no plan, or lacks something.
    """
    try:
        plan = json.load(sys.stdin)
    except ValueError:
        raise UsageError("standard input is not a JSON document") from None
    if not isinstance(plan, dict) or not isinstance(plan.get("database"), dict):
        raise UsageError('the plan must be an object with "database"')
    missing = [name for name in needed if name not in plan]
    if missing:
        raise UsageError(f"the plan lacks {', '.join(missing)}")
    return plan
