"""Reading a `.env` as the dotenv library does, as far as its lines go here."""

from __future__ import annotations

import re

_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=[ \t]*(.*?)\s*$")
_QUOTED = re.compile(r"""^(['"`])(.*)\1\s*(?:#.*)?$""")


def parse(text: str) -> dict[str, list[str]]:
    """Every value that each name has in the file, in order; dotenv uses the last.

    Args:
        text: the file's content.
    """
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := _LINE.match(line):
            found.setdefault(match[1], []).append(_value(match[2]))
    return found


def _value(written: str) -> str:
    if quoted := _QUOTED.match(written):
        inside = quoted[2]
        return inside.replace("\\n", "\n") if quoted[1] == '"' else inside
    return written.partition("#")[0].rstrip()
