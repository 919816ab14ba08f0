"""What every command uses: its parser, its JSON lines, its words for people."""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Callable
from typing import Any, NoReturn

from sessionstore.errors import printable

OK, ERROR, CHANGES = 0, 1, 2

Run = Callable[[argparse.Namespace], int]


class UsageError(Exception):
    """Arguments or input that make no sense."""


class Parser(argparse.ArgumentParser):
    """Reports a mistake as a UsageError instead of ending the process; its help keeps lists."""

    def __init__(self, **given: Any) -> None:
        for part in ("description", "epilog"):
            given[part] = folded(given.get(part) or "")
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **given)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{printable(message)}\n{self.format_usage().rstrip()}")


def folded(text: str) -> str:
    """Fold paragraphs to 80 columns; lines of a list begin with two blanks, and keep their column."""
    parts = []
    for paragraph in text.split("\n\n"):
        prose = not any(line.startswith("  ") for line in paragraph.splitlines())
        lines = [" ".join(paragraph.split())] if prose else paragraph.splitlines()
        parts.append("\n".join(map(_folded_line, lines)))
    return "\n\n".join(parts)


def _folded_line(line: str) -> str:
    column = re.match(r"  \S+ {2,}| *", line)
    indent = " " * (len(column[0]) if column else 0)
    return textwrap.fill(
        line, 80, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def emit(event: str, **fields: object) -> None:
    # ASCII only: a file name that is not UTF-8 must not end the program here.
    print(json.dumps({"event": event, **fields}, default=str), flush=True)


def actions_of(parser: argparse.ArgumentParser) -> Any:
    return parser.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)


def tell(text: str) -> None:
    """Tell people something on standard error, within 80 columns; a path or a command is never broken."""
    for line in text.splitlines():
        print(_folded_line(line), file=sys.stderr)
