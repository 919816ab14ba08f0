"""Whether what a connection shows is where the service's keys are, and where they stay.

Asked by everything that concludes "safe", on the very connection it concludes from: that a row is
equal to a file says nothing where a crash empties its table, a job deletes what has expired, or
another table of the same name is the one that the service writes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from psycopg import sql

from sessionstore.database import deleters
from sessionstore.database import standing_sql as asked
from sessionstore.database.connection import PINNED, SCHEMA, Connection, explained
from sessionstore.keys.names import spellings

_TABLES = ["whatsapp_auth", "whatsapp_keys", "whatsapp_imports", "whatsapp_import_files"]
_READ_BY_SERVICE = _TABLES[:2]
#: Seconds that a writer's transaction may be open: Baileys' own take a fraction of one.
LONGEST_OPEN = 60.0


def of_database(conn: Connection) -> tuple[str, ...]:
    """Why what this database shows counts for nothing, with the way on; as the service's role."""
    with explained("looking at the database's standing"):
        touch, after = asked.TOUCH, f"{asked.TOUCH}|{asked.NOTIFY}"
        triggers = {"comments": asked.COMMENTS, "touch": touch, "after": after}
        given = {"tables": _TABLES, "read": _READ_BY_SERVICE, "schema": SCHEMA, **triggers}
        found = conn.execute(asked.FACTS, {**given, "open": LONGEST_OPEN}).fetchall()
        told = [f"{fact}. {way_on}" for fact, way_on in found if fact is not None]
        jobs = deleters.deleting_jobs(conn) if len(told) < len(found) else ()
        return (*told, *jobs, *_by_role(conn))


def _by_role(conn: Connection) -> list[str]:
    """Tables that the service meets under these names: its role is this one."""
    conn.execute("SELECT set_config('search_path', reset_val, true) FROM pg_settings"
                 " WHERE name = 'search_path'")  # fmt: skip
    met = conn.execute(asked.SEEN_BY_ROLE, [_READ_BY_SERVICE]).fetchall()
    conn.execute(PINNED.encode("ascii"))
    return [
        f"the role's own search_path finds {name} in schema {schema}, and {SCHEMA} is what is looked"
        f" at here. If the service reads that one: ALTER TABLE {schema}.{name} SET SCHEMA {SCHEMA};"
        f" if not: ALTER ROLE … SET search_path = {SCHEMA}"
        for name, schema in met
        if schema != SCHEMA
    ]


def of_companies(conn: Connection, company_ids: Collection[str]) -> tuple[str, ...]:
    """Say why the rows of companies do not stay, or are not those that the service uses."""
    bare, other = list(company_ids), [spellings(one)[1] for one in company_ids]
    ids = [*bare, *other]
    with explained("looking at the database's standing", ", ".join(company_ids)):
        given = {"ids": ids, "bare": bare, "other": other, "here": where(conn), "schema": SCHEMA}
        every = (asked.EXPIRING, asked.STORED_ELSEWHERE, asked.OTHER_SPELLING)
        told = [sentence for one in every for (sentence,) in conn.execute(one, given)]
        return (*told, *_elsewhere(conn, ids))


def _elsewhere(conn: Connection, ids: Sequence[str]) -> list[str]:
    found = []
    others = conn.execute(asked.ELSEWHERE, [_READ_BY_SERVICE]).fetchall()
    for schema, name, readable, holds in others:
        table = sql.Identifier(schema, name)
        rows = sql.SQL(
            "SELECT company_id::text FROM {} WHERE company_id::text = ANY(%s) AND {} IS NOT NULL LIMIT 1"
        ).format(table, sql.Identifier(holds))
        company = conn.execute(rows, [ids]).fetchone() if readable else ("?",)
        if company is not None:
            held = f"has rows of company {company[0]}" if readable else "can't be read"
            found.append(
                f"the table {schema}.{name} is of the same layout and {held}: the service may be on"
                " that one. Look which it writes; a copy that nobody needs: DROP TABLE"
                f" {table.as_string(conn)}"
            )
    return found


def where(conn: Connection) -> str:
    """The place of the rows, named as no copy of it is: a promoted copy of a cluster has another timeline."""
    with explained("looking where the tables are"):
        may_ask = conn.execute(asked.MAY_ASK).fetchone() == (True,)
        cluster = conn.execute(asked.CLUSTER).fetchone() if may_ask else None
        row = conn.execute(asked.HERE, [cluster[0] if cluster else "?"]).fetchone()
    assert row is not None
    return str(row[0])
