"""The switch killed, and the power cut, in the middle of its rows: the same end as undisturbed.

`make test` takes the rows in which something is half done, `make soak` every line of the journal;
`tests/switch` kills at each of them as well, with a real PM2 on this machine.
"""

from __future__ import annotations

from typing import Any

import pytest

from hostswitch.journal import INSTANTS
from lab import hosts
from tests.lab import rig

EVERY_LINE = tuple(instant for instant in INSTANTS if not instant.endswith("put-back"))
KILLS = EVERY_LINE if rig.SOAK else ("done:active",)
POWER_CUTS = (
    ("rename:set-aside", "staged:imported", "start:healthy") if rig.SOAK else ("staged:imported",)
)


def finish_and_compare(undisturbed: dict[str, Any]) -> None:
    """The next rollout ends what was begun; then everything is as without the fault."""
    applied = rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert rig.end_state() == undisturbed
    assert rig.service_reads() == [rig.MESSAGE, rig.MESSAGE]


@pytest.mark.parametrize("instant", KILLS)
def test_a_killed_switch_is_finished_by_the_next_rollout(
    at_staged: None, undisturbed: dict[str, Any], instant: str
) -> None:
    """A switch can die anywhere; what it leaves must never cost a key, nor the service."""
    rig.die_at(instant)
    assert rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST).returncode == 1
    finish_and_compare(undisturbed)


@pytest.mark.parametrize("instant", POWER_CUTS)
def test_after_a_power_cut_the_service_runs_and_the_rollout_finishes(
    at_staged: None, undisturbed: dict[str, Any], instant: str
) -> None:
    """Power returns before the operator does: the service must run by itself, on the right keys."""
    rig.die_at(instant)
    assert rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST).returncode == 1
    hosts.power_cut(rig.SERVICE_HOST)
    rig.wait_for_boot()
    went_on = instant == "start:healthy"
    assert rig.status(60)["provider"] == ("postgres" if went_on else "files")
    finish_and_compare(undisturbed)
