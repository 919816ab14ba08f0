"""Companies that move between hosts: never on two at once, and never stuck where nobody runs them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hostswitch.decisions import InDatabase, decide
from rollout.inventory import SERVICE, Host
from rollout.moving import Move, moves_to, released
from tests.unit.test_hostswitch_decisions import AFTER, PLAN

HERE = Host("wa-2", (SERVICE,), {"companies": ["2", "3"]})
MOVED = Move("3", "wa-1", "wa-2")


def test_what_another_host_still_runs_is_not_released() -> None:
    """Its service still answers for the customer: a second one would throw it off."""
    running = {"wa-1": ["1", "3"], "wa-2": ["2"], "wa-3": []}
    assert moves_to(HERE, running) == [MOVED]
    assert released(HERE, running) == ["2"]
    assert released(HERE, running, [MOVED]) == ["2", "3"]


def test_a_host_that_can_not_be_asked_releases_nothing() -> None:
    """It may run anything; silence is no answer."""
    assert released(HERE, {"wa-1": None, "wa-2": ["2"]}) == []
    assert released(HERE, {"wa-1": ["1"], "wa-2": None}) == ["2", "3"]


@pytest.mark.parametrize(
    ("plan", "state", "live", "refused"),
    [
        ({}, {"imported_on": "other"}, {}, True),
        ({"released": ("962302",)}, {"imported_on": "other"}, {}, False),
        ({}, {"imported_on": "other"}, {"COMPANIES": "1, 962302"}, False),
        ({}, {"imported_on": PLAN.host}, {}, False),
        ({}, {"imported_on": None}, {}, False),
    ],
    ids=["unknown elsewhere", "let go", "runs here already", "imported here", "never imported"],
)
def test_a_company_imported_elsewhere_starts_only_where_it_was_let_go(
    plan: dict[str, Any], state: dict[str, Any], live: dict[str, str], refused: bool
) -> None:
    """The import record knows where it ran; plain pyinfra has asked nobody."""
    seen = replace(
        AFTER,
        env_live={**(AFTER.env_live or {}), **live},
        database={"962302": InDatabase(True, 1313, **state)},
    )
    refusals = decide(replace(PLAN, **plan), seen).refusals
    assert [one.kind for one in refusals] == (["company"] if refused else [])
    assert not refused or "other" in str(refusals[0])
