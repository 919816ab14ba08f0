"""What a migration's script must not hold, found before anything runs. Pure: no I/O.

A script runs inside the transaction that verify and record are part of, and goes to the server as
one text: what psql would do with it, or what would end that transaction, has no place in it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Everything in SQL that a semicolon or a keyword inside does not count in. A name may hold a
# dollar sign and end in e, and then begins neither a dollar quote nor an escape string.
_opaque = re.compile(
    r"""
      --[^\n\r]*
    | (?<![\w$])[eE]'(?:[^'\\]|''|\\.)*'
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | (?<![\w$])(?P<tag>\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$).*?(?P=tag)
    """,
    re.VERBOSE | re.DOTALL,
)
_transaction_control = re.compile(
    r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION)\b",
    re.IGNORECASE,
)
_copy_to_client = re.compile(r"COPY\b.*\b(FROM\s+STDIN|TO\s+STDOUT)\b", re.IGNORECASE | re.DOTALL)
_standard_body = re.compile(r"\bCREATE\b[^;]*?\bBEGIN\s+ATOMIC\b", re.IGNORECASE)
_body_word = re.compile(r"\b(CASE|END)\b", re.IGNORECASE)


class Objection(NamedTuple):
    """Why a script can't be a migration's.

    Attributes:
        what: in words.
        remedy: what mends it.
    """

    what: str
    remedy: str


def objection(script: str) -> Objection | None:
    """Say why a script can't be run as part of a migration.

    Args:
        script: SQL.

    Returns:
        The first reason, or None.
    """
    if "\0" in script:
        # The server's protocol ends a text there: the rest would never run, and nothing told so.
        return Objection("the script holds a NUL character", "Save it as plain UTF-8 text.")
    if any("\ud800" <= char <= "\udfff" for char in script):
        return Objection("the script holds half a surrogate pair", "Save it as plain UTF-8 text.")
    if script.startswith("\ufeff"):
        return Objection(
            "the script begins with a byte order mark", "Save it as UTF-8 without one."
        )
    found = statements(script)
    if not found:
        return Objection(
            "the script holds no statement",
            "A verify script raises an error unless the change is there; a change that can't be"
            " undone says so in its revert script with RAISE EXCEPTION.",
        )
    for statement in found:
        wrong = _objection_to(statement)
        if wrong:
            return wrong
    return None


def _objection_to(statement: str) -> Objection | None:
    control = _transaction_control.match(statement)
    if control:
        return Objection(
            f"the script controls transactions itself: {_spaced(control[0])}",
            "Remove the statement: each migration runs in a transaction already.",
        )
    if _copy_to_client.match(statement):
        return Objection(
            "the script copies from or to a client, and there is none",
            "Write the rows with INSERT.",
        )
    if "\\" in statement:
        return Objection(
            "the script holds a command of psql's own, or a stray backslash",
            "Write it in SQL: the server knows no \\set, \\i or \\gset.",
        )
    return None


def _spaced(words: str) -> str:
    return " ".join(words.upper().split())


def statements(script: str) -> list[str]:
    """Split a script, as far as telling what kind of statements there are needs.

    Args:
        script: SQL.

    Returns:
        Its statements without strings, quoted names, comments and function bodies: what
        stands there can't end the surrounding transaction.
    """
    bare = _opaque.sub(_emptied, _without_block_comments(script))
    every = (one.strip() for one in _without_standard_bodies(bare).split(";"))
    return [one for one in every if one.replace("''", "").strip()]


def _emptied(found: re.Match[str]) -> str:
    return " " if found[0].startswith("--") else " '' "


def _without_block_comments(script: str) -> str:
    """Cut /* */ comments, which nest in PostgreSQL, but not those inside strings."""
    kept: list[str] = []
    position = depth = 0
    while position < len(script):
        if script.startswith("/*", position):
            depth += 1
            position += 2
        elif depth and script.startswith("*/", position):
            depth -= 1
            position += 2
            kept.append(" ")
        elif depth:
            position += 1
        else:
            quoted = _opaque.match(script, position)
            end = quoted.end() if quoted else position + 1
            kept.append(script[position:end])
            position = end
    return "".join(kept)


def _without_standard_bodies(bare: str) -> str:
    """Cut the bodies of functions in standard SQL, whose statements end with semicolons too."""
    kept: list[str] = []
    position = 0
    while found := _standard_body.search(bare, position):
        end = _end_of_body(bare, found.end())
        if end is None:
            break
        kept.append(bare[position : found.end()])
        position = end
    kept.append(bare[position:])
    return "".join(kept)


def _end_of_body(bare: str, start: int) -> int | None:
    depth = 1
    for word in _body_word.finditer(bare, start):
        depth += 1 if word[0].upper() == "CASE" else -1
        if depth == 0:
            return word.end()
    return None
