"""When a directory may be put back in its place: one row a rule."""

from __future__ import annotations

import pytest

from sessionstore.restoring import objections


@pytest.mark.parametrize(
    ("kind", "reads_files", "in_database", "refused"),
    [
        ("live", False, ("1",), False),
        ("live", False, None, False),
        ("live", True, (), False),
        ("live", None, (), False),
        ("live", True, ("1",), True),
        ("live", None, ("1",), True),
        ("live", True, None, True),
        ("live", None, None, True),
        ("backup", True, ("1",), False),
        ("test", None, None, False),
    ],
)
def test_a_service_never_feeds_from_it_against_a_newer_database(
    kind: str, reads_files: bool | None, in_database: tuple[str, ...] | None, refused: bool
) -> None:
    """What nobody can tell counts as the worst."""
    assert bool(objections(kind, reads_files, in_database)) == refused
