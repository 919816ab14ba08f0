"""Ctrl-C and SIGTERM in the middle of a switch: said so, and the journal ends it like any other."""

from __future__ import annotations

import signal

import pytest

from hostswitch.record.journal import read

from .ending import told_to_end
from .outcomes import assert_after, assert_before
from .world import World


@pytest.mark.parametrize(
    ("instant", "number"),
    [("intent:stopped", signal.SIGTERM), ("intent:healthy", signal.SIGINT)],
    ids=["while it stops", "at the gate"],
)
def test_a_switch_is_told_to_end(world: World, instant: str, number: signal.Signals) -> None:
    """The service may be down: whoever pressed Ctrl-C must be told, and told what ends it."""
    files = world.files()
    journal = world.state / "journal.jsonl"

    def reached() -> bool:
        return instant in [entry.instant for entry in read(journal)]

    code, said, result = told_to_end(world, "switch", world.plan(), reached, number)
    assert code == 128 + number, said
    assert "Traceback" not in said
    assert result["outcome"] == "interrupted"
    assert result["error"].startswith(f"interrupted ({number.name}). A switch was begun")
    assert result["error"] in said and "baileys-hostswitch resume" in said
    code, result = world.hostswitch("resume")
    if instant == "intent:healthy":
        assert (code, result["outcome"]) == (0, "switched")
        assert_after(world, files)
    else:
        assert (code, result["outcome"]) == (4, "put back")
        assert_before(world, files)
