"""Rows of importers that split names wrongly, in a real database."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from sessionstore.database.connection import Connection
from sessionstore.inspection.misfiled import FIRST_DASH, find, judge
from sessionstore.keys.names import Key, encode
from tests.unit.any_keys import keys as any_keys

from .session_files import COMPANY, credentials, keys


def put(conn: Connection, row: Key, value: object, company_id: str = COMPANY) -> None:
    """Write a row as an importer does, under whatever name."""
    conn.execute(
        "INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES (%s, %s, %s, %s)",
        [company_id, row.key_type, row.key_id, Jsonb(value)],
    )


def first_dash(key: Key) -> Key:
    """What the importer in the wild made of a key: /^(.+?)-(.+)\\.json$/ of its file name."""
    key_type, _, key_id = encode(key)[: -len(".json")].partition("-")
    return Key(key_type, key_id)


def import_wrongly(conn: Connection, company_id: str = COMPANY) -> dict[Key, object]:
    """A company as that importer left it."""
    conn.execute(
        "INSERT INTO whatsapp_auth (company_id, creds) VALUES (%s, %s)",
        [company_id, Jsonb(credentials())],
    )
    for key, value in keys().items():
        put(conn, first_dash(key), value, company_id)
    return keys()


def test_a_first_dash_import_is_found_row_by_row(conn: Connection) -> None:
    """Its own check compared counts and passed, with most keys unreachable."""
    right = import_wrongly(conn)
    (company,) = find(conn)
    assert company.company_id == COMPANY and not company.unknown
    assert {one.right for one in company.misfiled} == {
        key for key in right if first_dash(key) != key
    }
    assert company.by_cause[FIRST_DASH] > 40
    assert find(conn, ["999"]) == []
    assert find(conn, [COMPANY]) == [company]


def test_both_spellings_of_a_company_are_looked_at(conn: Connection) -> None:
    """Rows of company_962302 are met in the wild too."""
    import_wrongly(conn, f"company_{COMPANY}")
    assert [one.company_id for one in find(conn, [COMPANY])] == [f"company_{COMPANY}"]


def test_rows_of_another_make_are_named_and_left_alone(conn: Connection) -> None:
    """A fork's own key type is no mistake of an importer."""
    conn.execute("ALTER TABLE whatsapp_keys DROP CONSTRAINT whatsapp_keys_company")
    put(conn, Key("of-a-fork", "1"), 1)
    (company,) = find(conn)
    assert company.unknown == (Key("of-a-fork", "1"),) and not company.misfiled


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(any_keys, max_size=40, unique=True), st.data())
def test_the_query_lets_no_misfiled_row_slip(
    conn: Connection, right: list[Key], data: st.DataObject
) -> None:
    """It reads only suspects, so what it leaves out must be right by the grammar."""
    rows = set()
    for key in right:
        stem = encode(key)[: -len(".json")]
        dashes = [i for i, char in enumerate(stem) if char == "-"]
        dash = data.draw(st.sampled_from(dashes))
        rows |= {key, Key(stem[:dash], stem[dash + 1 :])}
    with conn.transaction(force_rollback=True):
        conn.execute("ALTER TABLE whatsapp_keys DROP CONSTRAINT whatsapp_keys_company")
        for row in rows:
            put(conn, row, 1)
        found = {one.row for company in find(conn) for one in company.misfiled}
    assert found == {row for row in rows if judge(row)}
