"""What inside the database deletes keys by itself: found in its catalogue, not guessed.

The service's own clean-up deletes keys after some days, app-state-sync-keys included
(docs/facts.md section 2): who looks at rows with ``expires_at`` wants to know what acts on them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

from sessionstore.database.connection import Connection, explained
from sessionstore.database.standing_sql import COMMENTS
from sessionstore.tables.layout import Tables


class _Patterns(NamedTuple):
    deletes: re.Pattern[str]
    #: what deletes nothing but rows that have an expiry: the standing looks at those by themselves
    by_expiry: re.Pattern[str]


@lru_cache
def _patterns(tables: Tables) -> _Patterns:
    """What deletes rows of a layout, as far as a text tells."""
    names = "|".join(map(re.escape, tables.names))
    table = rf"\s+(?:only\s+)?(?:\"?\w+\"?\.)?\"?(?:{names})\b"
    expiry = re.escape(tables.keys.expires_at or "expires_at")
    term = (
        rf"(?:\w+\.)?\"?{expiry}\"?\s*(?:is\s+not\s+null|<=?\s*(?:now\s*\(\s*\)|current_timestamp)"
        r"(?:\s*-\s*interval\s*'[^']*')?)"
    )
    deletes = (
        r"\b(?:delete\s+from|merge\s+into|(?:truncate|drop)(?:\s+table)?(?:\s+if\s+exists)?)"
        rf"(?:\s+(?:only\s+)?[\w.\"]+\s*,)*{table}"
    )
    by_expiry = (
        rf"\bdelete\s+from{table}\"?(?:\s+(?:as\s+)?(?!where\b)\w+)?\s+where\s+{term}(?:\s+and\s+{term})*"
        r"(?=\s*(?:;|\)|\$|\Z|returning\b))"
    )
    return _Patterns(re.compile(deletes, re.IGNORECASE), re.compile(by_expiry, re.IGNORECASE))


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
# By to_jsonb, as older ones have no jobname. A job may be for another database.
_CRON_JOBS = """
SELECT coalesce(to_jsonb(job) ->> 'jobname', jobid::text), schedule, command, jobid::text
  FROM cron.job
 WHERE active AND coalesce(to_jsonb(job) ->> 'database', current_database()) = current_database()
 ORDER BY jobid
"""
# Not by to_regclass, which is an error where the schema may not be used. The extension lets each role
# see its own jobs alone.
_CRON_SEEN = """
SELECT CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE')
              OR NOT has_table_privilege(c.oid, 'SELECT') THEN 'none'
            WHEN row_security_active(c.oid) AND NOT EXISTS (
                 SELECT FROM pg_policy
                  WHERE polrelid = c.oid AND polpermissive AND polcmd IN ('r', '*')
                    AND pg_get_expr(polqual, polrelid) = 'true') THEN 'own'
            ELSE 'all' END
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
 WHERE nspname = 'cron' AND relname = 'job'
"""


@dataclass(frozen=True)
class Deleter:
    name: str  # of the function, or of the cron job
    runs: str  # what runs it, in words


class _Function(NamedTuple):
    oid: int
    schema: str
    name: str
    text: str


class _Job(NamedTuple):
    name: str
    schedule: str
    command: str
    number: str


def deleters(conn: Connection) -> tuple[Deleter, ...]:
    """Find functions that delete rows of the service, what runs them, and such jobs of pg_cron."""
    deletes = _patterns(conn.tables).deletes.search
    with explained("looking for what deletes keys"):
        functions = _functions(conn)
        triggers: dict[int, list[str]] = {}
        for oid, words in conn.execute(_TRIGGERS).fetchall():
            triggers.setdefault(oid, []).append(words)
        jobs = _jobs(conn)
    found = _reaching(functions, deletes)
    by_themselves = (job for job in jobs if deletes(job.command))
    return (
        *(
            Deleter(f"{one.schema}.{one.name}()", _runs(one, found, triggers, jobs))
            for one in found
        ),
        *(
            Deleter(f"cron job {job.name}", f"on its schedule {job.schedule}")
            for job in by_themselves
        ),
    )


def deleting_jobs(conn: Connection) -> tuple[str, ...]:
    """Jobs of pg_cron that delete rows that no ``expires_at`` announces; or that not all can be seen."""
    with explained("looking for what deletes keys"):
        hidden = conn.execute(_CRON_SEEN).fetchone() != ("all",)
        jobs, functions = _jobs(conn), _functions(conn)
    deletes_living = partial(_deletes_living, _patterns(conn.tables))
    run = _reaching(functions, deletes_living)
    told = [
        f"the cron job {job.name} ({job.schedule}) deletes rows otherwise than by expires_at."
        f" Unschedule it: SELECT cron.unschedule({job.number})"
        for job in jobs
        if deletes_living(job.command) or any(_calls(job.command, one) for one in run)
    ]
    if hidden:
        told.append(
            "this role does not see every job in cron.job, and one may delete rows. GRANT USAGE ON"
            " SCHEMA cron TO it; GRANT SELECT ON cron.job TO it; CREATE POLICY seen ON cron.job FOR"
            " SELECT USING (true)"
        )
    return tuple(told)


def _deletes_living(patterns: _Patterns, text: str) -> bool:
    """Whether it deletes rows that do not expire, as far as its text tells."""
    code = re.sub(COMMENTS, lambda found: found[1] or " ", text)
    return patterns.deletes.search(patterns.by_expiry.sub("", code)) is not None


def _functions(conn: Connection) -> list[_Function]:
    return [_Function(*row) for row in conn.execute(_FUNCTIONS).fetchall()]


def _jobs(conn: Connection) -> list[_Job]:
    if conn.execute(_CRON_SEEN).fetchone() in (None, ("none",)):
        return []
    return [_Job(*row) for row in conn.execute(_CRON_JOBS).fetchall()]


def _reaching(functions: Sequence[_Function], deletes: Callable[[str], object]) -> list[_Function]:
    found = {one.oid: one for one in functions if deletes(one.text)}
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
    return re.search(rf"\b{re.escape(function.name)}\"?\s*\(", text, re.IGNORECASE) is not None


def _runs(
    one: _Function,
    found: Sequence[_Function],
    triggers: Mapping[int, Sequence[str]],
    jobs: Sequence[_Job],
) -> str:
    callers = [
        *triggers.get(one.oid, ()),
        *(f"cron job {job.name} ({job.schedule})" for job in jobs if _calls(job.command, one)),
        *(f"{other.name}()" for other in found if other != one and _calls(other.text, one)),
    ]
    nothing = "nothing in this database; look for a cron job or timer that calls it"
    return ", ".join(callers) or nothing
