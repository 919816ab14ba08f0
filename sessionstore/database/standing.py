"""Whether what a connection shows is where the service's keys are, and where they stay.

Asked by everything that concludes "safe", on the very connection it concludes from: that a row is
equal to a file says nothing where a crash empties its table, a job deletes what has expired, or
another table of the same name is the one that the service writes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from psycopg import sql
from psycopg.types.json import Jsonb

from sessionstore.database import deleters
from sessionstore.database import standing_sql as asked
from sessionstore.database.connection import PINNED, SCHEMA, Connection, explained
from sessionstore.tables.layout import Tables
from sessionstore.tables.statements import quoted, statement

_OURS = ("whatsapp_imports", "whatsapp_import_files")
#: Seconds that a writer's transaction may be open: Baileys' own take a fraction of one.
LONGEST_OPEN = 60.0


def of_database(conn: Connection) -> tuple[str, ...]:
    """Why what this database shows counts for nothing, with the way on; as the service's role."""
    with explained("looking at the database's standing"):
        found = conn.execute(asked.FACTS, {**_layout(conn.tables), "open": LONGEST_OPEN}).fetchall()
        told = [f"{fact}. {way_on}" for fact, way_on in found if fact is not None]
        jobs = deleters.deleting_jobs(conn) if len(told) < len(found) else ()
        return (*told, *jobs, *_by_role(conn))


def _layout(tables: Tables) -> dict[str, object]:
    """What the catalogue is held against."""
    keys, credentials = tables.keys, tables.credentials
    # Of a table that both are in the columns of a key.
    named = {
        credentials.table: [credentials.company, *(column for column, _ in credentials.row)],
        keys.table: [keys.company, *keys.key],
    }
    cols = {table: sorted(filter(None, columns)) for table, columns in named.items()}
    values = {(one.table, one.value): one.type for one in (credentials, keys)}
    times = {"updated_at", *filter(None, (keys.updated_at, credentials.updated_at))}
    names = {*filter(None, (keys.company, credentials.company)), *keys.key}
    touch = asked.TOUCH.replace("COLUMNS", "|".join(map(re.escape, sorted(times))))
    notify = asked.NOTIFY.replace("COLUMNS", "|".join(map(re.escape, sorted(names))))
    tables_of = {True: (tables.schema, tables.names), False: (SCHEMA, _OURS)}
    return {
        "tables": Jsonb(
            [
                {"schema": schema, "name": name, "read": read}
                for read, (schema, names) in tables_of.items()
                for name in names
            ]
        ),
        "columns": Jsonb(
            [
                *(
                    {"name": table, "attname": value, "wanted": kind}
                    for (table, value), kind in values.items()
                ),
                *(
                    {"name": table, "attname": column, "wanted": "key"}
                    for table, columns in cols.items()
                    for column in columns
                ),
            ]
        ),
        "keys": Jsonb([{"name": table, "cols": one} for table, one in cols.items() if one]),
        "expires": keys.expires_at,
        "touched": [f"{one}\\000" for one in times],
        "comments": asked.COMMENTS,
        "touch": touch,
        "after": f"{touch}|{notify}",
    }


def _by_role(conn: Connection) -> list[str]:
    """Tables that the service meets under these names: its role is this one."""
    ours = conn.tables.schema
    conn.execute("SELECT set_config('search_path', reset_val, true) FROM pg_settings"
                 " WHERE name = 'search_path'")  # fmt: skip
    met = conn.execute(asked.SEEN_BY_ROLE, [list(conn.tables.names)]).fetchall()
    conn.execute(PINNED.encode("ascii"))
    return [
        f"the role's own search_path finds {name} in schema {schema}, and {ours} is what is looked"
        f" at here. If the service reads that one: ALTER TABLE {schema}.{name} SET SCHEMA {ours};"
        f" if not: ALTER ROLE … SET search_path = {ours}"
        for name, schema in met
        if schema != ours
    ]


def of_companies(conn: Connection, company_ids: Collection[str]) -> tuple[str, ...]:
    """Say why the rows of companies do not stay, or are not those that the service uses."""
    tables, every = conn.tables, [conn.tables.spellings(one) for one in company_ids]
    others = [(spelled, other) for spelled, *rest in every for other in rest]
    ids = [*company_ids, *(one for spellings in every for one in spellings)]
    given = {
        "ids": ids,
        "its": [spelled for spelled, _ in others],
        "other": [other for _, other in others],
        "keys": tables.keys.table,
        "credentials": tables.credentials.table,
        "company": tables.keys.company or "",
        "expires": tables.keys.expires_at or "",
        "here": where(conn),
        "its_schema": tables.schema,
        "schema": SCHEMA,
    }
    with explained("looking at the database's standing", ", ".join(company_ids)):
        asked_of = (asked.EXPIRING, asked.STORED_ELSEWHERE, asked.OTHER_SPELLING)
        told = [
            sentence
            for one in asked_of
            for (sentence,) in conn.execute(statement(tables, one), given)
        ]
        return (*told, *_elsewhere(conn, ids))


def _places(tables: Tables) -> tuple[str, str]:
    return quoted(tables.schema, tables.keys.table), quoted(tables.schema, tables.credentials.table)


def _elsewhere(conn: Connection, ids: Sequence[str]) -> list[str]:
    keys, credentials = conn.tables.keys, conn.tables.credentials
    if keys.company is None or credentials.company is None:
        return []  # nothing tells whose rows another one has
    row = [column for column, _ in credentials.row]
    given = {
        "keys": [keys.value, keys.company, *keys.key],
        "credentials": [credentials.value, credentials.company, *row],
        "here": list(_places(conn.tables)),
        "names": list(conn.tables.names),
    }
    found = []
    for schema, name, readable, holds, company in conn.execute(asked.ELSEWHERE, given).fetchall():
        table = sql.Identifier(schema, name)
        rows = sql.SQL(
            "SELECT {0}::text FROM {1} WHERE {0}::text = ANY(%s) AND {2} IS NOT NULL LIMIT 1"
        ).format(sql.Identifier(company), table, sql.Identifier(holds))
        whose = conn.execute(rows, [ids]).fetchone() if readable else ("?",)
        if whose is not None:
            held = f"has rows of company {whose[0]}" if readable else "can't be read"
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
        keys, credentials = _places(conn.tables)
        given = [cluster[0] if cluster else "?", credentials, keys]
        row = conn.execute(asked.HERE, given).fetchone()
    assert row is not None
    return str(row[0])
