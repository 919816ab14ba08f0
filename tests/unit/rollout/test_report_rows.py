"""The rows of a report, as people read them."""

from __future__ import annotations

import pytest

from rollout.cli.render import switch_rows


@pytest.mark.parametrize(
    ("ahead", "shown"), [(-0.004, "0.0 s"), (0.04, "0.0 s"), (-2.26, "-2.3 s"), (31.0, "31.0 s")]
)
def test_a_clock_is_shown_as_far_ahead_as_it_was_measured(ahead: float, shown: str) -> None:
    """ "-0.0 s" looks like a fault of the report, at the hour at which one looks for faults."""
    rows = dict(switch_rows({"companies": {}, "clock_ahead_seconds": ahead}))
    assert rows["clock ahead of the database's"] == shown


def test_a_clock_that_nobody_measured_has_no_row() -> None:
    """A figure in the report was measured in that run."""
    assert not [name for name, _ in switch_rows({"companies": {}}) if "clock" in name]
