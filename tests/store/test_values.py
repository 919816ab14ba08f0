"""Values through files and a real jsonb column: back without loss, or named before a write."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionstore.database.connection import Connection, connect
from sessionstore.errors import BadFile, Refused
from sessionstore.importing import stage
from sessionstore.importing.proof import prove
from sessionstore.keys.canonical import canonical_of, stored_value_has
from sessionstore.keys.values import (
    digest,
    digest_of_canonical,
    jsonb_problem,
    parse,
)
from sessionstore.scan.scan import scan_directory

from .session_files import COMPANY, buffer, dump, sender_key, write_company

EXAMPLES = 20_000 if os.environ.get("ROLLOUT_SOAK") else 300

octets = st.binary(max_size=40)
buffers = st.one_of(
    octets.map(lambda raw: {"type": "Buffer", "data": base64.b64encode(raw).decode()}),
    octets.map(lambda raw: {"type": "Buffer", "data": list(raw)}),
    octets.map(lambda raw: {"buffer": True, "data": base64.b64encode(raw).decode()}),
    octets.map(lambda raw: {str(index): byte for index, byte in enumerate(raw)}),
)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**60), 10**60),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters()),
        st.sampled_from(["\x00", "cut \ud83e", "\\u0000", "\t\\\n"]),
        buffers,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def plain(server: dict[str, str]) -> Iterator[Connection]:
    """A connection that needs no tables."""
    with connect(server) as connection:
        yield connection


@given(value=values, ascii_only=st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_value_comes_back_the_same_or_is_named(
    plain: Connection, value: object, ascii_only: bool
) -> None:
    """What is found unstorable is what jsonb refuses; all else comes back with its digest."""
    raw = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        text = canonical_of(raw)
    except BadFile:
        return
    if jsonb_problem(text):
        with pytest.raises((psycopg.errors.UntranslatableCharacter, psycopg.DataError)):
            plain.execute("SELECT %s::jsonb", [text])
        return
    row = plain.execute("SELECT (%s::jsonb)::text", [text]).fetchone()
    assert row is not None
    back = str(row[0]).encode()
    assert digest(parse(back)) == digest(parse(raw))
    assert stored_value_has(back, digest_of_canonical(text))
    assert not stored_value_has(back, digest_of_canonical(f"[{text}]"))


AWKWARD: dict[str, object] = {
    "a bare string": "99001133",
    "a bare number": 7,
    "an array": ["0", "14"],
    "a sender key as an array": sender_key(),
    "a sender key as a Buffer": {
        "type": "Buffer",
        "data": base64.b64encode(dump(sender_key()).encode()).decode(),
    },
    "a Buffer of numbers": {"k": {"type": "Buffer", "data": [0, 127, 255]}},
    "a Buffer that says so": {"k": {"buffer": True, "data": "AH//"}},
    "a Buffer by index": {"k": {str(index): index for index in range(130)}},
    "an empty Buffer": {"k": {"type": "Buffer", "data": ""}},
    "beyond 64 bits": {"n": 2**64 + 1, "m": -(2**200)},
    "many digits": {"n": 10**3999 + 7},
    "small and large fractions": [1.5, 1e-7, 1e300, -0.0, 5e-324],
    "emoji and control characters": "🦊\t\u0001\u007f\\u0000",
    "names that look like others": {"": 1, "type": "Buffer", "data ": "AA=="},
    "two hundred levels": json.loads("[" * 200 + "]" * 200),
    "a megabyte": {"history": [buffer(number, 900) for number in range(1200)]},
}


def test_awkward_values_arrive_and_are_proven(conn: Connection, tmp_path: Path) -> None:
    """All that Baileys versions and careless writers have left, each as a file of its own."""
    directory = write_company(tmp_path / "sessions", pre_keys=1)
    for number, value in enumerate(AWKWARD.values(), start=100):
        (directory / f"pre-key-{number}.json").write_text(dump(value))
    with scan_directory(str(directory.parent)) as scan:
        assert not scan.companies[0].blocking
        record = stage.stage(conn, scan, COMPANY, "r", "h")
        proof = prove(conn, record.import_id, scan)
    assert proof.ok, proof.mismatches
    for number, (what, value) in enumerate(AWKWARD.items(), start=100):
        row = conn.execute(
            "SELECT value::text FROM whatsapp_keys WHERE key_id = %s", [str(number)]
        ).fetchone()
        assert row and digest(parse(str(row[0]).encode())) == digest(parse(dump(value).encode())), (
            what
        )


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", "empty"),
        (b'{"a":1', "truncated"),
        (b'{"a":1}}', "trailing garbage"),
        (b'{"a":1,"a":1}', "duplicate key"),
        (b'\xef\xbb\xbf{"a":1}', "byte order mark"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":"\\u0000"}', "not storable"),
        (b'{"a":"\\ud83e"}', "not storable"),
        (b'{"a":"\xed\xa0\xbe"}', "not UTF-8"),
        (b'{"a":0.1234567890123456789}', "number too precise"),
        (b'{"a":1e9999}', "number too long"),
        (b"[" * 201 + b"]" * 201, "nested too deep"),
    ],
)
def test_what_cannot_be_kept_is_named_before_anything_is_written(
    conn: Connection, tmp_path: Path, raw: bytes, kind: str
) -> None:
    """By the scan, and by an import whose scan looked at names only: its transaction never sent a row."""
    directory = write_company(tmp_path / "sessions", pre_keys=1)
    (directory / "pre-key-9.json").write_bytes(raw)
    with scan_directory(str(directory.parent)) as scan:
        assert [one.kind for one in scan.companies[0].blocking] == [kind]
        with pytest.raises(Refused, match=kind):
            stage.stage(conn, scan, COMPANY, "r", "h")
    with (
        scan_directory(str(directory.parent), contents=False) as listed,
        pytest.raises(Refused, match=kind),
    ):
        stage.stage(conn, listed, COMPANY, "r", "h")
    counts = conn.execute("SELECT count(*) FROM whatsapp_imports").fetchone()
    assert counts == (0,)
