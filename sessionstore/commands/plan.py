"""The plan that a command reads on standard input: what may stand in it, and what it means.

A plan may hold more than the command asks for, so that one file serves several of them.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sessionstore.commands.output import Run, UsageError, folded
from sessionstore.database.settings import SETTINGS
from sessionstore.errors import half_a_pair
from sessionstore.judgement.activity import DECLARABLE
from sessionstore.judgement.directory import KINDS
from sessionstore.keys.names import DIRECTORY, HOLE
from sessionstore.scan.layout import Layout
from sessionstore.tables.description import described

LIMITS = ("lock_wait", "lock_timeout", "statement_timeout")
SCRIPTS = ("name", "deploy", "verify", "revert")
_hexadecimal = re.compile(r"[0-9a-fA-F]{32}").fullmatch
_SHOWN = ("host", "port", "dbname", "user", "password")


@dataclass(frozen=True)
class Field:
    form: str  # what it must be, in words
    meaning: str  # what it is for
    fits: Callable[[object], bool]  # tells whether a value has that form


def _text(value: object) -> bool:
    """What can be a path, a name or a setting: no NUL, no half of a surrogate pair."""
    return isinstance(value, str) and "\0" not in value and not half_a_pair(value)


def _uuid(value: object) -> bool:
    return isinstance(value, str) and _hexadecimal(value.replace("-", "")) is not None


def _path(value: object) -> bool:
    """Not the empty text: for the kernel's calls that would be wherever the program stands."""
    return _text(value) and value != ""


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _companies(value: object) -> bool:
    if isinstance(value, dict):
        return all(_path(path) and _text(one) for path, one in value.items())
    return _texts(value)


def _named(value: object) -> bool:
    return isinstance(value, str) and _path(value) and "/" not in value and value.count(HOLE) == 1


def _object(value: object, forms: Mapping[str, Callable[[object], bool]]) -> bool:
    return isinstance(value, dict) and all(
        name in forms and forms[name](one) for name, one in value.items()
    )


def _database(value: object) -> bool:
    forms = {**dict.fromkeys(SETTINGS, _setting), "tables": lambda one: isinstance(one, dict)}
    return _object(value, forms)


def _setting(value: object) -> bool:
    return value is None or _text(value) or type(value) is int


def _acknowledge(value: object) -> bool:
    forms = {"reason": _text, "companies": _texts, "identities": lambda one: type(one) is bool}
    return value is None or _object(value, forms)


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 86_400


def _limits(value: Any) -> bool:
    # 0 would mean no limit at all to the server, but no waiting for the lock.
    known = _object(value, dict.fromkeys(LIMITS, _seconds))
    return known and all(one >= 0.001 or name == "lock_wait" for name, one in value.items())


def _migrations(value: object) -> bool:
    forms = dict.fromkeys(SCRIPTS, lambda one: isinstance(one, str))
    return isinstance(value, list) and all(_object(one, forms) and "name" in one for one in value)


def _backup(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    if value.get("method") == "provider":
        return _text(value.get("reason")) and bool(value["reason"].strip())
    made = value.get("method") == "pg_dump" and _text(value.get("directory"))
    return made and _texts(value.get("recipients"))


_TEXT = "a text"
_TEXTS = "a list of texts"
_PATH = "a path"
FIELDS: Mapping[str, Field] = {
    "database": Field(
        f"an object of {', '.join(SETTINGS)}", "how to reach it, as libpq means it", _database
    ),
    "directory": Field(_PATH, "path of the directory", _path),
    "kind": Field(f"one of {', '.join(KINDS)}", "live, backup or test", lambda one: one in KINDS),
    "companies": Field(
        "a list of texts, or an object of texts",
        "bare ids of the host's companies; or {DIRECTORY: ID} where a name does not tell",
        _companies,
    ),
    "named": Field(
        f"a text with {HOLE} in it, once",
        f"how directories are named after companies, if not {DIRECTORY}",
        _named,
    ),
    "litter": Field(_TEXTS, "patterns of names that are left out: Thumbs.db, ._*", _texts),
    "service": Field(
        f"one of {', '.join(DECLARABLE)}",
        "what the service runs on, or would from its next start; or that it is stopped",
        lambda one: one in DECLARABLE,
    ),
    "acknowledge": Field(
        "an object of reason (a text), companies (a list of texts), identities (true or false)",
        'what is accepted: {"reason": …, "companies": […], "identities": true}',
        _acknowledge,
    ),
    "import_id": Field("a UUID", "of the import, from whatsapp_imports", _uuid),
    "in_use": Field(_TEXTS, "paths of archives that stay", _texts),
    "migrations": Field(
        f"a list of objects of {', '.join(SCRIPTS)}, texts each",
        f"instead of directory: a list of {{{', '.join(SCRIPTS)}}}, SQL each",
        _migrations,
    ),
    "limits": Field(
        f"an object of {', '.join(LIMITS)}: seconds, up to 86400",
        f"seconds: {', '.join(LIMITS)}",
        _limits,
    ),
    "grant_rows_to": Field(_TEXT, "the service's role, which gets rights on rows", _text),
    "backup": Field(
        'an object: {"method": "pg_dump", "directory": text, "recipients": [texts]}, or'
        ' {"method": "provider", "reason": text}',
        '{"method": "pg_dump", "directory": …, "recipients": […]} or'
        ' {"method": "provider", "reason": …}',
        _backup,
    ),
}


def takes_plan(
    parser: argparse.ArgumentParser,
    run: Run,
    *,
    needed: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    by_option: bool = True,
) -> None:
    """Let a command read its plan from standard input: what it needs besides "database", and may hold."""
    if by_option:
        parser.add_argument(
            "--plan", required=True, choices=["-"], help="JSON on standard input, see below"
        )
    parser.epilog = f"{folded(_explained(needed, optional))}\n\n{parser.epilog}"
    parser.set_defaults(run=run, plan_needs=needed, plan_may_hold=optional)


def _explained(needed: tuple[str, ...], optional: tuple[str, ...]) -> str:
    shown = ", ".join(f'"{name}": …' for name in _SHOWN)
    lines = ["on standard input, as JSON:", f'  {{"database": {{{shown}}}']
    lines += [f"  {name:<14}  {FIELDS[name].meaning}" for name in needed]
    lines += [f"  {name:<14}  may be left out; {FIELDS[name].meaning}" for name in optional]
    lines[1] += ", …}" if needed or optional else "}"
    return "\n".join(lines)


def read_plan(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the plan on standard input; a UsageError about it shows no value."""
    try:
        # A closed one is None.
        plan = json.loads(sys.stdin.read() if sys.stdin else "")
    except (ValueError, RecursionError):
        remedy = "give a plan by < FILE; --help shows what is in it"
        raise UsageError(f"standard input is not a JSON document: {remedy}") from None
    if not isinstance(plan, dict):
        raise UsageError('the plan must be an object with "database"')
    needed = ("database", *arguments.plan_needs)
    missing = [name for name in needed if name not in plan]
    if missing:
        raise UsageError(f"the plan lacks {', '.join(missing)}; --help shows what is in it")
    asked = (*needed, *arguments.plan_may_hold)
    for name in asked:
        if name in plan and not FIELDS[name].fits(plan[name]):
            raise UsageError(f'"{name}" in the plan must be {FIELDS[name].form}')
    for name in plan:
        meant = difflib.get_close_matches(name, [one for one in asked if one not in plan], 1, 0.8)
        if name not in FIELDS and meant:
            raise UsageError(f'the plan has "{name}": did you mean "{meant[0]}"?')
    return plan


def companies_of(plan: Mapping[str, Any]) -> list[str]:
    named = plan.get("companies", [])
    return list(dict.fromkeys(named.values() if isinstance(named, dict) else named))


def layout_of(plan: Mapping[str, Any], *, flat: str | None = None) -> Layout:
    """What a plan declares of its directory; ``flat`` has the files in itself, if it does not say."""
    named = plan.get("companies", {})
    companies = dict(named) if isinstance(named, dict) else {}
    if flat and not companies:
        companies = {".": flat}
    tables = described(plan["database"].get("tables") or {})
    named = plan.get("named", DIRECTORY)
    return Layout(companies, plan.get("litter", ()), named, tables.as_text)
