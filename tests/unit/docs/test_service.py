"""docs/service.md is what an operator describes a service by: its fields are those that are checked."""

from __future__ import annotations

from rollout.settings.kinds import OWN, kind_names

from .service import PAGE, made


def test_the_reference_is_made_from_the_shape() -> None:
    """A field that is not told is not used; one that is told and unknown is refused at night."""
    assert made(PAGE.read_text()) == PAGE.read_text(), "python -m tests.unit.docs.service"


def test_each_kind_is_on_the_page() -> None:
    """Whoever has such a service would describe it anew."""
    assert [
        kind for kind in kind_names() if kind != OWN and f"`{kind}`" not in PAGE.read_text()
    ] == []
