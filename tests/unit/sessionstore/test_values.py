"""Values: parsed exactly, compared by meaning, refused before jsonb would refuse them."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.errors import BadFile
from sessionstore.keys.values import (
    Value,
    canonical,
    digest,
    jsonb_problem,
    parse,
)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**40), 10**40),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)


def dump(value: object) -> bytes:
    """Write JSON as a program would."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


SPELLINGS: list[Callable[[bytes], object]] = [
    lambda raw: {"type": "Buffer", "data": base64.b64encode(raw).decode()},
    lambda raw: {"type": "Buffer", "data": list(raw)},
    lambda raw: {"buffer": True, "data": base64.b64encode(raw).decode()},
    lambda raw: {"buffer": True, "data": list(raw)},
    lambda raw: {"data": list(raw), "type": "Buffer"},
    lambda raw: {str(index): byte for index, byte in enumerate(raw)},
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(raw=st.binary(min_size=1, max_size=40))
def test_all_spellings_of_a_buffer_are_equal(
    spelling: Callable[[bytes], object], raw: bytes
) -> None:
    """Different Baileys versions wrote different ones; the bytes are what counts."""
    value = parse(dump({"k": spelling(raw)}))
    assert value == {"k": raw}
    assert digest(value) == digest(parse(dump({"k": SPELLINGS[0](raw)})))
    assert json.loads(canonical(value)) == {"k": SPELLINGS[0](raw)}


def test_a_numbered_buffer_survives_the_order_of_jsonb() -> None:
    """jsonb sorts keys by length first: 0, 1, ..., 9, 10 come back as text in another order."""
    raw = bytes(range(12))
    numbered = {str(index): byte for index, byte in enumerate(raw)}
    shuffled = dict(sorted(numbered.items(), key=lambda item: item[0]))
    assert parse(dump(shuffled)) == raw


@pytest.mark.parametrize(
    "value",
    [
        {"type": "Buffer", "data": "not base64!"},
        {"type": "Buffer", "data": [256]},
        {"type": "Buffer", "data": [-1]},
        {"type": "Buffer", "data": [True]},
        {"type": "Buffer", "data": "AA==", "extra": 1},
        {"type": "Other", "data": "AA=="},
        {"buffer": False, "data": "AA=="},
        {"0": 1, "2": 3},
        {"0": "a"},
        {"data": "AA=="},
        {},
    ],
)
def test_what_is_no_buffer_stays_as_it_is(value: object) -> None:
    """A value that only looks like a Buffer must not be rewritten."""
    assert parse(dump(value)) == value
    assert json.loads(canonical(parse(dump(value)))) == value


@given(json_values)
def test_canonical_is_a_fixed_point(value: object) -> None:
    """What is written to the database parses to the same value again."""
    try:
        parsed = parse(dump(value))
    except BadFile:
        return
    assert parse(canonical(parsed).encode()) == parsed
    assert digest(parse(canonical(parsed).encode())) == digest(parsed)


@given(json_values, st.randoms())
def test_the_order_of_keys_does_not_count(value: object, order: random.Random) -> None:
    """jsonb gives keys back in its own order."""

    def shuffle(part: object) -> object:
        if isinstance(part, dict):
            items = [(key, shuffle(item)) for key, item in part.items()]
            order.shuffle(items)
            return dict(items)
        return [shuffle(item) for item in part] if isinstance(part, list) else part

    try:
        expected = digest(parse(dump(value)))
    except BadFile:
        return
    assert digest(parse(dump(shuffle(value)))) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"1.0", b"1"),
        (b"1e3", b"1000"),
        (b"1E+3", b"1000.000"),
        (b"-0", b"0"),
        (b"-0.0", b"0"),
        (b"1.50", b"1.5"),
        (b"1e-7", b"0.0000001"),
        (b'"\\u00e9"', '"é"'.encode()),
        (b'"\\/"', b'"/"'),
        (b' {"b":1,\n"a":2} ', b'{"a": 2, "b": 1}'),
    ],
)
def test_what_jsonb_normalises_is_equal(one: bytes, other: bytes) -> None:
    """Texts differ, values do not."""
    assert digest(parse(one)) == digest(parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"1", b'"1"'),
        (b"1", b"true"),
        (b"0", b"false"),
        (b"0", b"null"),
        (b"[]", b"{}"),
        (b"18446744073709551616", b"18446744073709551617"),
        (b"1.5", b"1.5000000000000002"),
        (b'{"type":"Buffer","data":"AA=="}', b'{"type":"Buffer","data":"AQ=="}'),
    ],
)
def test_what_differs_is_different(one: bytes, other: bytes) -> None:
    """A digest that merges different values would prove nothing."""
    assert digest(parse(one)) != digest(parse(other))


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"a":', "truncated"),
        (b'{"a":"b', "truncated"),
        (b'{"a":1}}', "trailing garbage"),
        (b"{'a':1}", "not JSON"),
        (b"NaN", "not JSON"),
        (b"[Infinity]", "not JSON"),
        (b"[-Infinity]", "not JSON"),
        (b'{"a":1,"a":2}', "duplicate key"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'"\xff"', "not UTF-8"),
        ('"x"'.encode("utf-16"), "not UTF-8"),
        (b"[" * 201 + b"]" * 201, "nested too deep"),
        (b"[" * 100000, "nested too deep"),
        (b'{"a":' * 201 + b"1" + b"}" * 201, "nested too deep"),
        (b"9" * 5000, "number too long"),
        (b"1e5000", "number too long"),
        (b"0.1000000000000000055511151231257827", "number too precise"),
        (b'"a\nb"', "not JSON"),
    ],
)
def test_what_can_not_be_kept_is_named(raw: bytes, kind: str) -> None:
    """Each is what an interrupted or careless writer leaves behind."""
    with pytest.raises(BadFile) as caught:
        parse(raw)
    assert caught.value.kind == kind


def test_brackets_in_strings_are_no_depth() -> None:
    """Many brackets are looked at closely, not refused by their number."""
    value = {"a\\": "[" * 500, 'b"': "{" * 500}
    assert parse(dump(value)) == value


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"name": "a\x00b"}, "NUL"),
        ({"a\x00": 1}, "NUL"),
        ({"name": "cut \ud83e"}, "surrogate"),
        ([["\udd8a"]], "surrogate"),
    ],
)
def test_what_jsonb_refuses_is_found_first(value: Value, word: str) -> None:
    """Both load into json, so they do turn up: a name cut in the middle of an emoji."""
    parsed = parse(json.dumps(value).encode())
    assert word in (jsonb_problem(canonical(parsed)) or "")
    assert digest(parsed)


@pytest.mark.parametrize("value", ["🦊 é \x01 \x7f", "\\u0000", "\\ud83e", {"a": [1, None]}])
def test_what_jsonb_takes_is_not_refused(value: Value) -> None:
    """Control characters, pairs and backslashes are fine."""
    assert jsonb_problem(canonical(parse(dump(value)))) is None


def test_large_integers_keep_every_digit() -> None:
    """orjson would turn them into floats (docs/facts.md section 2)."""
    number = 2**200 + 1
    assert parse(str(number).encode()) == number
    assert canonical(number) == str(number)
