"""Names of rows: which were misfiled, and what they should be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.inspection.misfiled import FILE_FORM, FIRST_DASH, OTHER_DASH, judge, right_name
from sessionstore.keys.names import Key, encode
from tests.unit.any_keys import keys


@given(keys)
def test_a_right_row_is_never_called_misfiled(key: Key) -> None:
    """Whoever is told so would pair a sound company anew."""
    assert right_name(key) == key and judge(key) is None


@given(keys, st.data())
def test_every_split_of_a_file_name_is_recovered(key: Key, data: st.DataObject) -> None:
    """Whatever dash an importer split at, and whether it cut off the ending or not."""
    name = encode(key)
    ending = data.draw(st.sampled_from(["", ".json"]))
    stem = name[: -len(".json")]
    dash = data.draw(st.sampled_from([i for i, char in enumerate(stem) if char == "-"]))
    row = Key(stem[:dash], stem[dash + 1 :] + ending)
    found = judge(row)
    assert right_name(row) == key
    assert (found is None) == (row == key)


@pytest.mark.parametrize(
    ("row", "right", "cause"),
    [
        (("pre", "key-1"), ("pre-key", "1"), FIRST_DASH),
        (("sender", "key-1@g.us--2--0"), ("sender-key", "1@g.us::2::0"), FIRST_DASH),
        (("app", "state-sync-key-AA__="), ("app-state-sync-key", "AA/="), FIRST_DASH),
        (("app", "state-sync-key-AAA__"), ("app-state-sync-key", "AAA/"), FIRST_DASH),
        (("app-state", "sync-version-regular"), ("app-state-sync-version", "regular"), OTHER_DASH),
        (("sender-key", "1@g.us--2--0"), ("sender-key", "1@g.us::2::0"), FILE_FORM),
        (("pre-key", "1.json"), ("pre-key", "1"), FILE_FORM),
        (("tctoken", "1-4@lid"), ("tctoken", "1:4@lid"), FILE_FORM),
        (("session", "12.0"), ("session", "12.0"), None),
        (("creds", ""), None, None),
        (("of-a-fork", "1"), None, None),
    ],
)
def test_what_a_row_should_be(
    row: tuple[str, str], right: tuple[str, str] | None, cause: str | None
) -> None:
    """Shown to the operator; what is unknown is left alone."""
    found = judge(Key(*row))
    if cause is None:
        assert found is None and right_name(Key(*row)) in (None, row)
    else:
        assert found is not None and (found.right, found.cause) == (right, cause)
