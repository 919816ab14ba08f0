"""Statements about a service's rows, in each layout, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessionstore.database.connection import Connection
from sessionstore.keys.names import Key, encode
from sessionstore.tables.layout import (
    APART,
    FILE_NAME,
    JOINED,
    CredentialsTable,
    KeyTable,
    Tables,
)
from sessionstore.tables.statements import statement
from tests.unit.any_keys import keys

LAYOUTS = {
    APART: Tables(),
    "two columns, text, credentials a row": Tables(
        keys=KeyTable("auth", "session", ("type", "id"), "value", "text"),
        credentials=CredentialsTable(
            "auth", "session", "value", "text", row=(("id", ""), ("type", "creds"))
        ),
        company="wa-{company}",
    ),
    JOINED: Tables(
        schema="wa",
        keys=KeyTable("auth", "session", ("id",), "value", "json", JOINED),
        credentials=CredentialsTable("auth", "session", "value", "json", (("id", "creds"),)),
    ),
    FILE_NAME: Tables(
        keys=KeyTable("Session", "sessionId", ("id",), "data", "text", FILE_NAME),
        credentials=CredentialsTable("Session", "sessionId", "data", "text", (("id", "creds"),)),
    ),
    "without a company": Tables(
        keys=KeyTable("signal", None, ("type", "id"), "data", "text"),
        credentials=CredentialsTable("creds", None, "data", "text", (("id", "creds"),)),
        only="7",
    ),
}
MADE = """
CREATE SCHEMA IF NOT EXISTS wa;
CREATE TABLE auth (session text, type text, id text, value text, PRIMARY KEY (session, type, id));
CREATE TABLE wa.auth (session text, id text, value json, PRIMARY KEY (session, id));
CREATE TABLE "Session" ("pkId" serial PRIMARY KEY, "sessionId" text NOT NULL, id text NOT NULL,
    data text NOT NULL, UNIQUE ("sessionId", id));
CREATE TABLE signal (type text, id text, data text, PRIMARY KEY (type, id));
CREATE TABLE creds (id text PRIMARY KEY, data text);
"""


@pytest.fixture
def made(conn: Connection) -> Iterator[Connection]:
    """A database with a table of each layout."""
    conn.execute(MADE)
    yield conn


def put(conn: Connection, tables: Tables, company: str, rows: set[Key]) -> None:
    """Write credentials and keys as an import does."""
    insert = """INSERT INTO {credentials_table} ({credentials_columns})
        SELECT {credentials_given} FROM (SELECT %s::text AS company, %s::text AS value) AS given"""
    conn.execute(statement(tables, insert), [tables.spelled(company), '{"me":1}'])
    copy = statement(tables, "COPY {keys_table} ({keys_columns}) FROM STDIN")
    with conn.cursor() as cursor, cursor.copy(copy) as writing:
        writing.write("".join(tables.line_of(company, key, '{"a":"\\\\b"}') for key in rows))


def all_rows(conn: Connection, tables: Tables) -> list[tuple[object, ...]]:
    """Every key as the relation shows it."""
    query = """SELECT company_id, key_type, key_id, file_name, spelled, value::text, updated_at,
        expires_at FROM {keys}"""
    return conn.execute(statement(tables, query)).fetchall()


@pytest.mark.parametrize("name", LAYOUTS)
@given(rows=st.sets(keys, max_size=30))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_are_found_by_one_set_of_names(made: Connection, name: str, rows: set[Key]) -> None:
    """Whatever the table, each key is found, under its name on disk, and credentials are none of them."""
    tables = LAYOUTS[name]
    # Two ids that the file system would take for one are one row there too.
    rows = set({encode(key): key for key in rows}.values())
    with made.transaction(force_rollback=True):
        put(made, tables, "7", rows)
        if tables.only is None:
            put(made, tables, "8", rows)
        found = [row for row in all_rows(made, tables) if row[0] == tables.spelled("7")]
        assert {tables.key_of(*str(row[4]).split("\x1f")) for row in found} == rows
        assert {str(row[3]) for row in found} == {encode(key) for key in rows}
        assert {str(row[1]) for row in found} == {key.key_type for key in rows}
        if tables.keys.spelling != FILE_NAME:
            assert {Key(str(row[1]), str(row[2])) for row in found} == rows
        assert all(str(row[5]).replace(" ", "") == '{"a":"\\\\b"}' for row in found)
        read = statement(tables, "SELECT company_id, creds::text FROM {credentials}")
        credentials = dict(made.execute(read).fetchall())
        assert credentials.keys() >= {tables.spelled("7")}
        delete(made, tables, rows)


def delete(conn: Connection, tables: Tables, rows: set[Key]) -> None:
    """Find each row by itself, then delete one company's, and no other's."""
    spelled = tables.spelled("7")
    one = "SELECT {keys_value}::text FROM {keys_table} WHERE {keys_of} AND {key_is}"
    for key in list(rows)[:5]:
        assert conn.execute(statement(tables, one), [spelled, *tables.row_of(key)]).fetchone()
    gone = "DELETE FROM {keys_table} WHERE {keys_of}"
    assert conn.execute(statement(tables, gone), [spelled]).rowcount == len(rows)
    gone = "DELETE FROM {credentials_table} WHERE {credentials_of}"
    assert conn.execute(statement(tables, gone), [spelled]).rowcount == 1
    left = conn.execute(statement(tables, "SELECT count(*) FROM {keys}")).fetchone()
    assert left == (0 if tables.only else len(rows),)


@pytest.mark.parametrize("name", [name for name, one in LAYOUTS.items() if one.keys.company])
def test_a_company_is_found_by_its_index(made: Connection, name: str) -> None:
    """The relation is no wall: the server looks through it, so a million rows cost nothing."""
    tables = LAYOUTS[name]
    made.execute("SET enable_seqscan = off")
    query = statement(tables, "EXPLAIN SELECT value FROM {keys} WHERE company_id = ANY(%s)")
    told = "\n".join(str(row[0]) for row in made.execute(query, [["7", "company_7"]]).fetchall())
    assert "Index Cond" in told and "Subquery" not in told


def test_a_name_of_another_case_is_another_table(made: Connection) -> None:
    """Names are quoted, always: "Session" is not session."""
    other = replace(LAYOUTS[FILE_NAME], keys=replace(LAYOUTS[FILE_NAME].keys, table="session"))
    with pytest.raises(Exception, match="does not exist"):
        all_rows(made, other)
