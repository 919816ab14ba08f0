"""The quick way to a canonical form, against the one that builds every value."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.errors import BadFile
from sessionstore.keys.canonical import _unrewritten, canonical_of, stored_value_has
from sessionstore.keys.values import canonical, digest_of_canonical, parse, unrevived

from ...store.session_files import credentials, keys

base64_like = st.one_of(
    st.binary(max_size=20).map(lambda raw: base64.b64encode(raw).decode()),
    st.text("AQgw+/=b0", max_size=8),
)
buffers = st.one_of(
    base64_like.map(lambda data: {"type": "Buffer", "data": data}),
    base64_like.map(lambda data: {"data": data, "type": "Buffer"}),
    base64_like.map(lambda data: {"buffer": True, "data": data}),
    base64_like.map(lambda data: {"type": "Buffer", "value": data}),
    base64_like.map(lambda data: {"type": "Other", "data": data}),
    base64_like.map(lambda data: {"type": "Buffer", "data": data, "more": 1}),
    st.lists(st.integers(0, 300), max_size=4).map(lambda data: {"type": "Buffer", "data": data}),
    st.lists(st.integers(0, 255), max_size=4).map(
        lambda data: {str(index): byte for index, byte in enumerate(data)}
    ),
)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        st.sampled_from(["data", '"data":', "\\", "\x7f", "é"]),
        buffers,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["data", "type", "value", "buffer", "0", "a", "b"]), inner, max_size=4
        ),
    ),
    max_leaves=12,
)


def slow(raw: bytes) -> str | None:
    """The canonical form by way of the value; None where the text is refused."""
    try:
        return canonical(parse(raw))
    except BadFile:
        return None


@given(values, st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_both_ways_give_the_same_text(
    value: object, ascii_only: bool, separators: tuple[str, str]
) -> None:
    """Digests are compared with rows that took the other way."""
    raw = json.dumps(value, ensure_ascii=ascii_only, separators=separators).encode(
        "utf-8", "surrogatepass"
    )
    assert _unrewritten(raw) in (None, slow(raw))


@given(values, st.data())
def test_no_damage_slips_through(value: object, data: st.DataObject) -> None:
    """One character put in, taken out or doubled: a name twice, a number of another form."""
    raw = json.dumps(value, separators=(",", ":")).encode()
    at = data.draw(st.integers(0, len(raw)))
    change = data.draw(
        st.sampled_from([b"", b" ", b"0", b"-", b".0", b"\\", b'"', b"\x7f", b"\xef\xbb\xbf"])
    )
    gone = data.draw(st.integers(0, 3))
    damaged = raw[:at] + change + raw[at + gone :]
    assert _unrewritten(damaged) in (None, slow(damaged))
    if slow(damaged) is not None:
        # A row in a spelling that the service's reader does not revive is another value to it.
        same = slow(damaged) == slow(raw) and not unrevived(damaged)
        assert stored_value_has(damaged, digest_of_canonical(canonical(parse(raw)))) is same


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":2}',
        b'{"a":1, "b":{"c":1,"c":1}}',
        b'{"a":1,"a":2,"b":"\x7f"}',
        b'{"a":{},"a":{},"b":"\xc3\xa9\xc3\xa9"}',
        b'{"a":-0}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"type":"Buffer","data":"AB=="}',
        b'{"type":"Buffer","data":"AAB="}',
        b'{"data":"AA==","type":"Buffer","buffer":true}',
        b'{"0":1,"1":2}',
        b'{"a":1}x',
        b'{"a":1} ',
        b"[" * 201 + b"]" * 201,
        b"\xef\xbb\xbf{}",
        b"",
    ],
)
def test_what_is_rewritten_or_refused_takes_the_careful_way(raw: bytes) -> None:
    """Each of these would be lost or altered by reading and writing it back."""
    assert _unrewritten(raw) is None


def test_what_baileys_writes_takes_the_quick_way() -> None:
    """Else an import is half as fast."""
    for value in [*keys().values(), {**credentials(), "me": {"id": "1@s.whatsapp.net"}}]:
        raw = json.dumps(value, separators=(",", ":")).encode()
        assert _unrewritten(raw) == canonical_of(raw) == slow(raw)
