"""How a layout spells companies, keys and values, and what a plan may say of one."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sessionstore
from sessionstore.errors import Refused
from sessionstore.keys.names import KEY_TYPES, Key, encode
from sessionstore.keys.values import ARRAY, BASE64, canonical, digest, parse
from sessionstore.tables.description import described
from sessionstore.tables.layout import APART, FILE_NAME, JOINED, KeyTable, Tables
from tests.unit.any_keys import keys

FILE_ROWS: dict[str, Any] = {
    "keys": {
        "table": "Session",
        "company": "sessionId",
        "key": ["id"],
        "spelling": "file-name",
        "value": "data",
        "type": "text",
    },
    "credentials": {
        "table": "Session",
        "company": "sessionId",
        "row": {"id": "creds"},
        "value": "data",
        "type": "text",
    },
}


def spelling(name: str, **more: Any) -> Tables:
    """A layout that spells keys so."""
    columns = ("type", "id") if name == APART else ("id",)
    return Tables(keys=KeyTable("k", "c", columns, "v", spelling=name), **more)


@pytest.mark.parametrize("name", [APART, JOINED, FILE_NAME])
@given(key=keys)
def test_every_key_comes_back_from_its_row(name: str, key: Key) -> None:
    """Else a key would be moved to where the service never asks for it, or be missed there."""
    tables = spelling(name)
    assert tables.key_of(*tables.row_of(key)) == key


@given(key_type=st.sampled_from(KEY_TYPES), key_id=st.text())
def test_an_id_may_be_any_text(key_type: str, key_id: str) -> None:
    """Nothing is escaped where type and id are only joined, and nothing is guessed."""
    key, found = Key(key_type, key_id), None
    for tables in (spelling(APART), spelling(JOINED)):
        found = tables.key_of(*tables.row_of(key))
        if (key_type, key_id[:7], tables.keys.spelling) != ("sender-key", "memory-", JOINED):
            assert found == key
    assert spelling(FILE_NAME).row_of(key) == (encode(key).removesuffix(".json"),)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (JOINED, "sender-key-memory-1@g.us", Key("sender-key-memory", "1@g.us")),
        (JOINED, "sender-key-1@g.us::2::0", Key("sender-key", "1@g.us::2::0")),
        (FILE_NAME, "sender-key-1@g.us--2--0", Key("sender-key", "1@g.us::2::0")),
        (FILE_NAME, "sender-key-1@g.us::2::0", Key("", "sender-key-1@g.us::2::0")),
        (JOINED, "future-key-1", Key("", "future-key-1")),
        (FILE_NAME, "future-key-1", Key("", "future-key-1")),
        (JOINED, "", Key("", "")),
    ],
)
def test_what_stands_in_a_row(name: str, text: str, found: Key) -> None:
    """A text that the service's reader never asks for is no key's."""
    assert spelling(name).key_of(text) == found


@given(raw=st.binary(max_size=40), key=keys, name=st.sampled_from([APART, JOINED, FILE_NAME]))
def test_a_value_is_written_as_its_reader_revives_it(raw: bytes, key: Key, name: str) -> None:
    """Written otherwise, the service would get an object for a Buffer."""
    text = canonical({"public": raw, "n": [1, "a\\b"]})
    for buffers in ((BASE64,), (ARRAY,), (ARRAY, BASE64), (BASE64, ARRAY)):
        tables = spelling(name, buffers=buffers)
        line = tables.line_of("1", key, text)
        company, *row, value = line.removesuffix("\n").split("\t")
        assert company == "1" and tables.key_of(*row) == key
        written = value.replace("\\\\", "\\").encode("ascii")
        assert digest(parse(written, tables.revived)) == digest(parse(text.encode()))
        assert (base64.b64encode(raw).decode() in written.decode()) or buffers[0] == ARRAY


@given(company=st.from_regex("[0-9A-Za-z][0-9A-Za-z_-]{0,20}", fullmatch=True))
def test_a_company_comes_back_from_its_spelling(company: str) -> None:
    """And another spelling of it is told from it."""
    for spelled in ("{company}", "company_{company}", "wa-{company}-x"):
        tables = Tables(company=spelled)
        assert tables.bare(tables.spelled(company)) == company
        assert tables.spellings(company)[0] == tables.spelled(company)
        assert {company, f"company_{company}"} <= set(tables.spellings(company))
    assert Tables(company="company_{company}").bare("other") == "other"


def test_a_described_layout() -> None:
    """What it does not say of the service's tables is not taken from the lab's."""
    found = described({**FILE_ROWS, "company": "wa_{company}", "buffers": ["array"]})
    assert (found.keys.updated_at, found.keys.expires_at) == (None, None)
    assert found.credentials.row == (("id", "creds"),) and found.one_table
    assert found.names == ("Session",) and found.buffers == ("array",)
    assert described({}) == Tables()


@pytest.mark.parametrize(
    ("given_layout", "mistake"),
    [
        ([], "tables must be an object"),
        ({"schemata": "x"}, "tables has no schemata"),
        ({"schema": ""}, "tables.schema must be a name"),
        ({"company": "x"}, "tables.company must be a text with {company} in it"),
        ({"buffers": ["hex"]}, "tables.buffers must be a list of base64 and array"),
        ({"buffers": []}, "tables.buffers must be a list"),
        ({"keys": None}, "the service has moved half-way"),
        ({"keys": {"table": "k"}}, "tables.keys lacks key"),
        ({"keys": {**FILE_ROWS["keys"], "type": "bytea"}}, "type must be jsonb, json or text"),
        ({"keys": {**FILE_ROWS["keys"], "spelling": "apart"}}, "is in two columns"),
        ({"keys": {**FILE_ROWS["keys"], "key": ["type", "id"]}}, "is in one column"),
        ({"keys": {**FILE_ROWS["keys"], "table": "a%s"}}, "table must be a name"),
        ({"keys": {**FILE_ROWS["keys"], "company": None}}, "all are one company's"),
        ({**FILE_ROWS, "only": "1"}, "a column says whose a row is already"),
        (
            {**FILE_ROWS, "credentials": {**FILE_ROWS["credentials"], "row": {}}},
            "one row holds a whole session",
        ),
        (
            {**FILE_ROWS, "credentials": {**FILE_ROWS["credentials"], "row": {}, "value": "creds"}},
            "which row is the credentials'",
        ),
    ],
)
def test_what_is_no_layout_is_refused(given_layout: object, mistake: str) -> None:
    """In one sentence each, before any connection."""
    with pytest.raises(Refused) as refused:
        described(given_layout)
    assert any(mistake in reason for reason in refused.value.reasons), refused.value.reasons


def test_every_mistake_is_told() -> None:
    """An operator mends a description once."""
    with pytest.raises(Refused) as refused:
        described({"schema": 1, "keys": {"table": ""}, "other": 2})
    assert len(refused.value.reasons) == 5


def test_no_statement_names_a_table_of_one_service() -> None:
    """One that did would read another service's rows as none."""
    root = Path(sessionstore.__file__).parent
    naming = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search("whatsapp_(auth|keys)", path.read_text())
    }
    assert naming == {"tables/layout.py", "migrations/service_tables.py"}
