"""Editing an .env: the values that are declared are read back, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostswitch.envfile.staging import UnwritableValueError, edited
from hostswitch.envfile.values import parse

NAMES = st.sampled_from(["A", "LOG_LEVEL", "USE_REPOSITORY_PATTERN", "POSTGRES_PASSWORD"])
VALUES = st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=30)
LINES = st.sampled_from(
    [
        "# a comment with A=1",
        "A=1",
        "export A = 2 # old",
        "LOG_LEVEL='in fo'",
        'OTHER="multi\nline" # kept',
        "USE_REPOSITORY_PATTERN=",
        "broken line",
        "",
        "OTHER: yaml",
        "KEY=`back'tick`",
    ]
)


@given(st.lists(LINES, max_size=8), st.dictionaries(NAMES, VALUES), st.sampled_from(["\n", "\r\n"]))
def test_every_declared_value_is_read_back_and_no_other_changes(
    lines: list[str], settings: dict[str, str], newline: str
) -> None:
    """A flag that is not taken up, or a neighbour that changes, is an outage nobody declared."""
    content = newline.join(line.replace("\n", newline) for line in lines).encode()
    try:
        result = edited(content, settings)
    except UnwritableValueError:
        return
    assert parse(result) == {**parse(content), **settings}


def test_only_the_changed_line_changes() -> None:
    """Comments, order and spelling are the operator's own notes; they survive byte for byte."""
    content = b"# flags\nexport A = 'old'   # why\r\nB=2\nA_LONGER=x\n\xff\xfe\nC"
    result = edited(content, {"A": "new", "D": "with space"})
    assert (
        result
        == b"# flags\nexport A = new   # why\r\nB=2\nA_LONGER=x\n\xff\xfe\nC\r\nD='with space'\r\n"
    )


def test_a_file_that_is_as_declared_is_not_touched() -> None:
    """A rewrite that changes nothing would still restart the service."""
    content = b"A='1'\nB=2"
    assert edited(content, {"A": "1", "B": "2"}) is content


def test_a_value_that_dotenv_cannot_hold_is_refused_by_name_only() -> None:
    """A torn value reaches the service silently; its text may be a secret."""
    with pytest.raises(UnwritableValueError) as refused:
        edited(b"", {"POSTGRES_PASSWORD": "a'b`c\"d#\n"})
    assert "POSTGRES_PASSWORD" in str(refused.value)
    assert "a'b" not in str(refused.value)
