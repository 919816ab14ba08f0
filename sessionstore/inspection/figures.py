"""How large each company is, how it grew, and what expires. Reads; recording is its own call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sessionstore.database.connection import Connection, explained, transaction
from sessionstore.errors import DatabaseProblem
from sessionstore.inspection.growth import Growth, Sample, judge
from sessionstore.tables.statements import statement

#: How the row of the credentials is called among the key types.
CREDENTIALS_TYPE = "credentials"
# Growth is told from a quarter of a year: what was usual before may be long over.
_LOOK_BACK_DAYS = 92
_KEEP_DAYS = 400

_FIGURES = """
SELECT company_id, key_type, count(*), sum(pg_column_size(value) + octet_length(company_id)
       + octet_length(key_type) + octet_length(key_id)), min(updated_at)::timestamptz,
       count(expires_at), count(*) FILTER (WHERE expires_at < now())
  FROM {keys} GROUP BY company_id, key_type
UNION ALL
SELECT company_id, 'credentials', 1, pg_column_size(creds) + octet_length(company_id),
       updated_at::timestamptz, 0, 0
  FROM {credentials}
ORDER BY 1, 2
"""
# Baileys deletes a pre-key when a peer has used it: what is there is unused. Uploaded are
# those below firstUnuploadedPreKeyId.
_PRE_KEYS = """
SELECT company_id, count(*), count(*) FILTER (WHERE CASE WHEN key_id ~ '^[0-9]{{1,8}}$'
           THEN key_id::numeric
                < substring(creds::text from '"firstUnuploadedPreKeyId": ?([0-9]{{1,9}})[,}} ]')::numeric END)
  FROM {keys} LEFT JOIN {credentials} USING (company_id)
 WHERE key_type = 'pre-key' GROUP BY company_id
"""
_HISTORY = """
SELECT company_id, key_type, taken_on, row_count, byte_count FROM whatsapp_stats
 WHERE taken_on > (now() AT TIME ZONE 'UTC')::date - %s ORDER BY taken_on
"""


_ADD = """
INSERT INTO whatsapp_stats VALUES (%s, (now() AT TIME ZONE 'UTC')::date, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""
_FORGET = "DELETE FROM whatsapp_stats WHERE taken_on < (now() AT TIME ZONE 'UTC')::date - %s"


@dataclass(frozen=True)
class TypeFigures:
    key_type: str  # as in the database, or CREDENTIALS_TYPE
    rows: int  # how many there are now
    bytes: int  # of values as stored, and of names
    grown_rows: int | None  # more than in the last snapshot of an earlier day; None without one
    grown_bytes: int | None  # more than then; None without one
    #: when the row that rested longest was last written; None without rows
    oldest_update: datetime | None
    with_expiry: int  # rows with ``expires_at``
    expired: int  # rows whose ``expires_at`` has passed


@dataclass(frozen=True)
class CompanyFigures:
    company_id: str  # as it stands in the database
    types: tuple[TypeFigures, ...]
    growth: Growth  # of all types together, judged
    unused_pre_keys: int  # pre-keys that no peer has used
    uploaded_pre_keys: int  # those of them that the server has been given

    # Of all types together:
    rows: int
    bytes: int
    oldest_update: datetime | None
    with_expiry: int
    expired: int


#: Key type, rows, bytes, oldest update, rows with ``expires_at``, expired ones.
_Row = list[Any]
#: Rows and bytes of each key type.
_Snapshot = dict[str, tuple[int, int]]


def measure(conn: Connection) -> tuple[CompanyFigures, ...]:
    """Measure every company, also one that only the last snapshot has, and judge its growth."""
    with explained("measuring the companies"):
        today, history = _history(conn)
        found: dict[str, list[_Row]] = defaultdict(list)
        for company_id, *figures in conn.execute(statement(conn.tables, _FIGURES)).fetchall():
            found[company_id].append(figures)
        counted = conn.execute(statement(conn.tables, _PRE_KEYS)).fetchall()
        pre_keys = {one: counts for one, *counts in counted}
    for company_id, days in history.items():
        if any(rows for rows, _ in days[max(days)].values()):
            found.setdefault(company_id, [])
    return tuple(
        _company(company_id, found[company_id], history.get(company_id, {}), today, pre_keys)
        for company_id in sorted(found)
    )


def record(conn: Connection, companies: Sequence[CompanyFigures]) -> bool:
    """Keep today's figures; the first of a day stay. What is older than a year goes."""
    every = [
        [company.company_id, one.key_type, one.rows, one.bytes]
        for company in companies
        for one in company.types
    ]
    try:
        with transaction(conn, "recording the figures"):
            added = sum(conn.execute(_ADD, one).rowcount for one in every)
            conn.execute(_FORGET, [_KEEP_DAYS])
    except DatabaseProblem as problem:
        remedy = "Bring the schema up to date: migrate deploy, as the owner of the tables."
        raise DatabaseProblem(problem.what, "whatsapp_stats", remedy) from None
    return added > 0


def _history(conn: Connection) -> tuple[date, dict[str, dict[date, _Snapshot]]]:
    """Today, and the snapshots of each company by day; none before the table is there."""
    found: dict[str, dict[date, _Snapshot]] = defaultdict(dict)
    row = conn.execute(
        "SELECT (now() AT TIME ZONE 'UTC')::date, to_regclass('whatsapp_stats') IS NOT NULL"
    ).fetchone()
    assert row is not None
    today, there = row
    history = conn.execute(_HISTORY, [_LOOK_BACK_DAYS]).fetchall() if there else []
    for company_id, key_type, day, rows, size in history:
        found[company_id].setdefault(day, {})[key_type] = (rows, size)
    return today, found


def _company(
    company_id: str,
    figures: Sequence[_Row],
    days: Mapping[date, _Snapshot],
    today: date,
    pre_keys: Mapping[str, Sequence[int]],
) -> CompanyFigures:
    earlier = [day for day in days if day < today]
    last = days[max(earlier)] if earlier else None
    types = [_type(one, last) for one in figures]
    seen = {one.key_type for one in types}
    types.extend(
        TypeFigures(key_type, 0, 0, -rows, -size, None, 0, 0)
        for key_type, (rows, size) in sorted((last or {}).items())
        if key_type not in seen and rows
    )
    now = Sample(today, sum(one.rows for one in types), sum(one.bytes for one in types))
    unused, uploaded = pre_keys.get(company_id, (0, 0))
    return CompanyFigures(
        company_id,
        tuple(types),
        judge([_sample(day, days[day]) for day in sorted(days)], now),
        unused,
        uploaded,
        rows=now.rows,
        bytes=now.bytes,
        oldest_update=min((one.oldest_update for one in types if one.oldest_update), default=None),
        with_expiry=sum(one.with_expiry for one in types),
        expired=sum(one.expired for one in types),
    )


def _sample(day: date, snapshot: _Snapshot) -> Sample:
    rows, sizes = zip(*snapshot.values(), strict=True)
    return Sample(day, sum(rows), sum(sizes))


def _type(figures: _Row, last: _Snapshot | None) -> TypeFigures:
    key_type, rows, size, *rest = figures
    before = None if last is None else last.get(key_type, (0, 0))
    grown = (None, None) if before is None else (rows - before[0], size - before[1])
    return TypeFigures(key_type, rows, size, *grown, *rest)
