"""When a directory may be put back in its place: one row a rule."""

from __future__ import annotations

import pytest

from sessionstore.judgement.activity import against_putting_back


@pytest.mark.parametrize(
    ("reads_files", "in_database", "refused"),
    [
        (False, ("1",), False),
        (False, None, False),
        (True, (), False),
        (None, (), False),
        (True, ("1",), True),
        (None, ("1",), True),
        (True, None, True),
        (None, None, True),
    ],
)
def test_a_service_never_feeds_from_it_against_a_newer_database(
    reads_files: bool | None, in_database: tuple[str, ...] | None, refused: bool
) -> None:
    """What nobody can tell counts as the worst."""
    assert bool(against_putting_back(reads_files, in_database)) == refused
