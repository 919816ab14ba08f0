"""The reference page says what the code does."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from sessionstore import errors
from sessionstore.commands import output
from sessionstore.interrupts import Interrupted
from sessionstore.judgement.absent import RULES
from sessionstore.judgement.directory import KINDS
from sessionstore.judgement.file import OUTCOMES, SHAPES
from sessionstore.keys.names import KEY_TYPES
from sessionstore.retention.archives import STATES

PAGE = (Path(__file__).parents[3] / "docs" / "session-data.md").read_text()


def table(first: str) -> dict[str, list[str]]:
    """The rows of the table whose first heading this is: first cell to the others."""
    lines = PAGE.partition(f"| {first} |")[2].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize(
    ("first", "code"),
    [("disposition", OUTCOMES), ("state", STATES)],
    ids=["dispositions", "states"],
)
def test_words_and_meanings_are_the_code_s(first: str, code: dict[str, str]) -> None:
    """An operator looks up what a report says."""
    assert {word: cells[0] for word, cells in table(first).items()} == code


def test_kinds_key_types_and_what_explains_an_absence() -> None:
    """A type left out would be looked up in vain; "never" must be true."""
    assert tuple(table("kind")) == KINDS
    types = table("key type")
    assert tuple(sorted(types)) == tuple(sorted(KEY_TYPES))
    assert {name for name, cells in types.items() if cells[1] != "never"} == set(RULES)
    by_time = {name for name, cells in types.items() if "written later" in cells[0]}
    assert by_time == set(SHAPES) - {"tctoken"}, "a token has times of its own, its index has none"


def test_exit_codes() -> None:
    """Scripts branch on them."""
    raised = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.StoreError)
    }
    signals = {Interrupted(number).code for number in (signal.SIGINT, signal.SIGTERM)}
    expected = {output.OK, output.ERROR, output.CHANGES, *raised, *signals}
    assert {int(code) for cell in table("code") for code in cell.split(",")} == expected


@pytest.mark.parametrize("command", re.findall(r"`archive (\w+) ", PAGE))
def test_archive_commands_exist(command: str) -> None:
    """What the page shows can be typed."""
    from sessionstore.commands.cli import _parser

    with pytest.raises(SystemExit) as ended:
        _parser().parse_args(["archive", command, "--help"])
    assert ended.value.code == 0
