"""docs/architecture.md is what a newcomer finds the way by: its pictures and its paths are true."""

from __future__ import annotations

import re

from .architecture import END, MARK, PAGE, ROOT, drawn, pictures


def test_the_pictures_are_drawn_from_the_contracts() -> None:
    """A picture that lint does not hold would show a house that is not there."""
    page = PAGE.read_text()
    assert all(MARK.format(name) in page for name in pictures())
    assert drawn(page) == page, "draw it anew: python -m tests.unit.docs.architecture"


def test_each_place_that_it_names_is_there() -> None:
    """A path that was moved sends the newcomer into the dark."""
    told = re.sub(f"<!-- drawn.*?{END}", "", PAGE.read_text(), flags=re.S)
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|toml|md))`", told)
    assert len(named) > 40
    assert [name for name in named if not (ROOT / name).exists()] == []
