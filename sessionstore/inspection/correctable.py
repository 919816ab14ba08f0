"""Whether a company's misfiled rows may be put under their right names.

A correction is safe only while nobody has used the company's rows: a service that ran on a
misfiled import found most keys missing, made new ones, and moved ratchets; what the importer
stored is then older than what is there (docs/facts.md section 2, "A ratchet never goes back"). So
every row of the company must have come from that one import, and none may have changed since.
Pure, but for :func:`read_facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from typing import NamedTuple

from sessionstore.database.connection import Connection, explained
from sessionstore.inspection.misfiled import FILE_FORM, MisfiledRow, judge
from sessionstore.keys.names import Key

#: A pause this long between two misfiled rows means two imports, with a service between perhaps.
LONGEST_PAUSE_SECONDS = 600


class Written(NamedTuple):
    """When a row was made, and when it last changed; seconds since 1970, infinity if unknown."""

    created: float
    updated: float


@dataclass(frozen=True)
class Window:
    """When the importer ran, as the operator knows it; None leaves it to the misfiled rows.

    Attributes:
        began: seconds since 1970.
        ended: likewise.
    """

    began: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class CompanyTimes:
    """All rows of one company, and when each was written.

    Attributes:
        company_id: as it stands in the rows.
        rows: every row of whatsapp_keys.
        credentials: the row of whatsapp_auth; None without one.
        last_change: the newest ``updated_at`` of the keys as PostgreSQL's exact number of
            seconds; the correction refuses where it is another one by then.
    """

    company_id: str
    rows: dict[Key, Written]
    credentials: Written | None
    last_change: str

    @property
    def misfiled(self) -> tuple[MisfiledRow, ...]:
        """The rows that should be named otherwise."""
        return tuple(one for one in map(judge, self.rows) if one is not None)


def objections(company: CompanyTimes, window: Window) -> list[str]:
    """Say why a company's rows must not be corrected.

    Args:
        company: its rows.
        window: when the importer ran.

    Returns:
        Every reason, in words; empty where the correction may be offered.
    """
    misfiled = company.misfiled
    if not misfiled:
        return ["none of its rows is misfiled"]
    made = sorted(company.rows[one.row].created for one in misfiled)
    began = made[0] if window.began is None else min(window.began, made[0])
    ended = made[-1] if window.ended is None else max(window.ended, made[-1])
    return [
        *_collisions(company, misfiled),
        *_several_imports(made),
        *_changed_since(company),
        *_strangers(company, misfiled),
        *_outside(company, began, ended),
    ]


def _collisions(company: CompanyTimes, misfiled: Sequence[MisfiledRow]) -> list[str]:
    found, taken = [], set(company.rows)
    for one in misfiled:
        if one.right in taken:
            found.append(f"{_name(one.right)} is there already, beside {_name(one.row)}")
        taken.add(one.right)
    return _some(found, "the right row")


def _several_imports(made: Sequence[float]) -> list[str]:
    if all(after - before <= LONGEST_PAUSE_SECONDS for before, after in pairwise(made)):
        return []
    when = f"between {shown(made[0])} and {shown(made[-1])}"
    return [f"the misfiled rows were written {when}, with pauses: by more than one import"]


def _changed_since(company: CompanyTimes) -> list[str]:
    changed = [key for key, written in company.rows.items() if written.updated > written.created]
    found = _some([f"{_name(key)} was written again after it was made" for key in changed], "a row")
    if company.credentials and company.credentials.updated > company.credentials.created:
        found.append(f"the credentials were saved again, at {shown(company.credentials.updated)}")
    return found


def _strangers(company: CompanyTimes, misfiled: Sequence[MisfiledRow]) -> list[str]:
    """Rows that this importer can't have written: it misfiles every one of their type."""
    split = {one.right.key_type for one in misfiled if one.cause != FILE_FORM}
    wrong = {one.row for one in misfiled}
    found = [key for key in company.rows if key.key_type in split and key not in wrong]
    return _some([f"{_name(key)} was not written by that importer" for key in found], "a row")


def _outside(company: CompanyTimes, began: float, ended: float) -> list[str]:
    times = [*(one.created for one in company.rows.values())]
    if company.credentials:
        times.append(company.credentials.created)
    outside = sorted(time for time in times if not began <= time <= ended)
    if not outside:
        return []
    return [
        f"{len(outside):,} of its rows, made from {shown(outside[0])} to {shown(outside[-1])}, lie"
        f" outside the import ({shown(began)} to {shown(ended)}); if the importer wrote these too,"
        " say when it ran: --import-began, --import-ended"
    ]


def _some(found: Sequence[str], what: str) -> list[str]:
    if len(found) <= 3:
        return list(found)
    return [*found[:3], f"… and {len(found) - 3:,} more of the kind: {what}"]


def _name(key: Key) -> str:
    return f"({key.key_type}, {key.key_id})"


def shown(seconds: float) -> str:
    """Write a time for people.

    Args:
        seconds: since 1970.

    Returns:
        ISO 8601 in UTC to the microsecond, as PostgreSQL counts, so that it can be given back
        as ``--import-began`` or ``--import-ended``; or "an unknown time".
    """
    try:
        at = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError):
        return "an unknown time"
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


_TIMES = """
SELECT key_type, key_id,
       coalesce(extract(epoch FROM created_at::timestamptz), 'infinity')::float8,
       coalesce(extract(epoch FROM updated_at::timestamptz), 'infinity')::float8
  FROM whatsapp_keys WHERE company_id = %s ORDER BY key_type, key_id
"""
_CREDENTIALS = """
SELECT coalesce(extract(epoch FROM created_at::timestamptz), 'infinity')::float8,
       coalesce(extract(epoch FROM updated_at::timestamptz), 'infinity')::float8
  FROM whatsapp_auth WHERE company_id = %s
"""
_LAST_CHANGE = """
SELECT coalesce(extract(epoch FROM max(updated_at)), 0)::numeric::text
  FROM whatsapp_keys WHERE company_id = %s
"""


def read_facts(conn: Connection, company_id: str) -> CompanyTimes:
    """Read what the decision needs, in the caller's transaction.

    Args:
        conn: a connection in a transaction that sees one snapshot.
        company_id: as it stands in the rows.

    Returns:
        The company's rows and when they were written.

    Raises:
        DatabaseProblem: the tables can't be read.
    """
    with explained("reading when rows were written", company_id):
        rows = conn.execute(_TIMES, [company_id]).fetchall()
        credentials = conn.execute(_CREDENTIALS, [company_id]).fetchone()
        last_change = conn.execute(_LAST_CHANGE, [company_id]).fetchone()
    assert last_change is not None
    return CompanyTimes(
        company_id,
        {Key(str(row[0]), str(row[1])): Written(_number(row[2]), _number(row[3])) for row in rows},
        Written(*map(_number, credentials)) if credentials else None,
        str(last_change[0]),
    )


def _number(value: object) -> float:
    return float(str(value))


def columns(conn: Connection) -> tuple[str, ...]:
    """Name the columns of whatsapp_keys that a row can be written back with.

    Args:
        conn: an open connection.

    Returns:
        All but generated ones, in their order; an adopted table may have some of its own.

    Raises:
        DatabaseProblem: the catalogue can't be read.
    """
    with explained("reading the table's columns", "whatsapp_keys"):
        rows = conn.execute(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = 'whatsapp_keys'::regclass"
            " AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"
        ).fetchall()
    return tuple(str(row[0]) for row in rows)
