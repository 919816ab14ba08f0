"""What inside the database deletes keys by itself: found in its catalogue, not guessed.

The service's own clean-up deletes keys after some days, app-state-sync-keys included
(docs/facts.md section 2): who looks at rows with ``expires_at`` wants to know what acts on them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sessionstore.database import Connection, explained

_deletes = re.compile(
    r"\b(?:delete\s+from|truncate(?:\s+table)?)\s+(?:only\s+)?(?:\"?\w+\"?\.)?\"?whatsapp_keys\b",
    re.IGNORECASE,
).search

_FUNCTIONS = """
SELECT p.oid::bigint, n.nspname, p.proname,
       CASE WHEN p.prokind IN ('f', 'p') THEN pg_get_functiondef(p.oid) ELSE '' END
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
_TRIGGERS = """
SELECT tgfoid::bigint, format('trigger %I on %s', tgname, tgrelid::regclass)
  FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'
"""
_CRON_JOBS = "SELECT coalesce(jobname, jobid::text), schedule, command FROM cron.job WHERE active"


@dataclass(frozen=True)
class Deleter:
    """Something in the database that deletes keys.

    Attributes:
        name: of the function, or of the cron job.
        runs: what runs it, in words.
    """

    name: str
    runs: str


@dataclass(frozen=True)
class _Function:
    oid: int
    schema: str
    name: str
    text: str


def deleters(conn: Connection) -> tuple[Deleter, ...]:
    """Find functions that delete from whatsapp_keys, and what runs them.

    Args:
        conn: an open connection.

    Returns:
        Functions, and jobs of the pg_cron extension that delete on their own.

    Raises:
        DatabaseProblem: the catalogue can't be read.
    """
    with explained("looking for what deletes keys"):
        functions = [
            _Function(int(str(oid)), str(schema), str(name), str(text))
            for oid, schema, name, text in conn.execute(_FUNCTIONS).fetchall()
        ]
        triggers: dict[int, list[str]] = {}
        for oid, words in conn.execute(_TRIGGERS).fetchall():
            triggers.setdefault(int(str(oid)), []).append(str(words))
        jobs = _jobs(conn)
    found = _reaching(functions)
    told = [
        Deleter(f"{one.schema}.{one.name}()", _runs(one, found, triggers, jobs)) for one in found
    ]
    alone = [
        Deleter(f"cron job {name}", f"on its schedule {schedule}")
        for name, schedule, command in jobs
        if _deletes(command)
    ]
    return (*told, *alone)


def _jobs(conn: Connection) -> list[tuple[str, str, str]]:
    readable = conn.execute(
        "SELECT coalesce(has_table_privilege(to_regclass('cron.job'), 'SELECT'), false)"
    ).fetchone()
    if readable != (True,):
        return []
    return [(str(n), str(s), str(c)) for n, s, c in conn.execute(_CRON_JOBS).fetchall()]


def _reaching(functions: Sequence[_Function]) -> list[_Function]:
    """Functions that delete keys, and those that call one of them."""
    found = {one.oid: one for one in functions if _deletes(one.text)}
    while True:
        more = {
            one.oid: one
            for one in functions
            if one.oid not in found and any(_calls(one.text, other) for other in found.values())
        }
        if not more:
            return list(found.values())
        found.update(more)


def _calls(text: str, function: _Function) -> bool:
    return re.search(rf"\b{re.escape(function.name)}\s*\(", text, re.IGNORECASE) is not None


def _runs(
    one: _Function,
    found: Sequence[_Function],
    triggers: Mapping[int, Sequence[str]],
    jobs: Sequence[tuple[str, str, str]],
) -> str:
    callers = [
        *triggers.get(one.oid, ()),
        *(f"cron job {name} ({when})" for name, when, command in jobs if _calls(command, one)),
        *(f"{other.name}()" for other in found if other != one and _calls(other.text, one)),
    ]
    if callers:
        return ", ".join(callers)
    return "nothing in this database; look for a cron job or timer that calls it"
