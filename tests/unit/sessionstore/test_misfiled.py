"""Names of rows: which were misfiled, and what they should be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.inspection.correctable import CompanyTimes, Window, Written, objections
from sessionstore.inspection.misfiled import FILE_FORM, FIRST_DASH, OTHER_DASH, judge, right_name
from sessionstore.keys.names import Key, encode

from .test_grammar import keys


@given(keys)
def test_a_right_row_is_never_called_misfiled(key: Key) -> None:
    """A correction of what is right would lose the key."""
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
    """Shown to whoever reviews the correction; what is unknown is left alone."""
    found = judge(Key(*row))
    if cause is None:
        assert found is None and right_name(Key(*row)) in (None, row)
    else:
        assert found is not None and (found.right, found.cause) == (right, cause)


NEVER = float("inf")
PRE, SENDER = Key("pre", "key-1"), Key("sender-key", "1@g.us--2--0")
IMPORT = {PRE: Written(100, 100), Key("pre", "key-2"): Written(100, 100)}
SESSION, FAR = Key("session", "1.0"), Key("session", "2.0")


@pytest.mark.parametrize(
    ("more", "credentials", "window", "objection"),
    [
        ({}, Written(100, 100), Window(), None),
        ({}, None, Window(), None),
        ({SESSION: Written(100, 100)}, None, Window(), None),
        ({SESSION: Written(101, 101)}, None, Window(), "outside the import"),
        ({SESSION: Written(99, 99)}, None, Window(), "outside the import"),
        ({SESSION: Written(101, 101)}, None, Window(None, 101.0), None),
        ({SESSION: Written(99, 99)}, None, Window(90.0, None), None),
        ({SESSION: Written(100, 101)}, None, Window(90.0, 200.0), "written again"),
        ({SESSION: Written(NEVER, NEVER)}, None, Window(), "an unknown time"),
        ({Key("pre-key", "9"): Written(100, 100)}, None, Window(), "not written by that importer"),
        ({Key("pre-key", "1"): Written(100, 100)}, None, Window(), "is there already"),
        ({Key("pre-key", "1.json"): Written(100, 100)}, None, Window(), "is there already"),
        ({SENDER: Written(100, 100), Key("sender-key", "1@g.us::9::0"): Written(100, 100)},
         None, Window(), None),
        ({Key("pre", "key-3"): Written(9000, 9000)}, None, Window(), "more than one import"),
        ({}, Written(100, 101), Window(), "credentials were saved again"),
        ({}, Written(50, 50), Window(), "outside the import"),
        ({Key("of-a-fork", "1"): Written(100, 100)}, None, Window(), None),
    ],
)  # fmt: skip
def test_a_correction_is_offered_only_where_nothing_was_written_since(
    more: dict[Key, Written], credentials: Written | None, window: Window, objection: str | None
) -> None:
    """What a service has used meanwhile is newer than what the importer stored."""
    found = objections(CompanyTimes("9", {**IMPORT, **more}, credentials, "100"), window)
    if objection is None:
        assert found == []
    else:
        assert any(objection in reason for reason in found), found


def test_the_import_lasted_from_the_first_misfiled_row_to_the_last() -> None:
    """A row that the importer filed rightly lies within; one a moment outside may be the service's."""
    began, ended = Key("pre", "key-8"), Key("pre", "key-9")
    imported = {began: Written(100, 100), PRE: Written(150, 150), ended: Written(200, 200)}
    for made, outside in ((100, False), (200, False), (99, True), (201, True)):
        rows = {**imported, SESSION: Written(made, made)}
        found = objections(CompanyTimes("9", rows, None, "200"), Window())
        assert any("outside the import" in reason for reason in found) == outside, made


def test_a_long_pause_means_two_imports() -> None:
    """With a service between them perhaps, whose keys the second one does not know."""
    for pause, several in ((600, False), (600.5, True)):
        rows = {PRE: Written(100, 100), Key("pre", "key-2"): Written(100 + pause, 100 + pause)}
        found = objections(CompanyTimes("9", rows, None, "200"), Window())
        assert any("more than one import" in reason for reason in found) == several


def test_a_long_list_of_reasons_is_counted() -> None:
    """A hundred thousand sentences help nobody."""
    rows = {Key("session", f"{number}.0"): Written(100, 200) for number in range(50)}
    found = objections(CompanyTimes("9", {**IMPORT, **rows}, None, "200"), Window())
    assert len(found) == 4 and "47 more" in found[-1]
