"""A database whose clock is not the host's: neither a switch nor a removal goes by such times."""

from __future__ import annotations

from typing import Any

import pytest

from .test_removal import BACKUP, LIVE, aside, plan, verify
from .world import World

__all__ = ["plan"]


def database_clock(world: World, interval: str) -> None:
    """The database's own answer to what time it is, from now on."""
    world.query(
        "CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
        f" $$ SELECT pg_catalog.clock_timestamp() + interval '{interval}' $$"
    )
    world.query(f'ALTER DATABASE "{world.database}" SET search_path = public, pg_catalog')


@pytest.mark.parametrize(("interval", "told"), [("1 hour", "behind"), ("-1 hour", "ahead of")])
def test_a_switch_is_refused_before_anything_is_changed(
    world: World, interval: str, told: str
) -> None:
    """Evidence would compare two different times, and the days until removal would be wrong."""
    before, running = world.tree(), world.process()
    database_clock(world, interval)
    for command in (("preflight", "--plan", "-"), ("switch",)):
        code, result = world.hostswitch(*command)
        assert (code, result["outcome"]) == (3, "refused"), result
        (refusal,) = result["refusals"]
        assert f"s {told} the database's" in refusal and "timedatectl set-ntp true" in refusal
    assert world.tree() == before and world.process() == running
    database_clock(world, "4 minutes")
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (0, "switched")
    assert -242 < result["clock_ahead_seconds"] < -238


def test_a_removal_is_refused(world: World, plan: dict[str, Any]) -> None:
    """A host's clock that was set meanwhile makes it due too early."""
    world.hostswitch("archive", plan=plan)
    verify(world)
    database_clock(world, "-11 days")
    code, result = world.hostswitch("remove", plan=plan)
    assert (code, result["outcome"]) == (3, "refused")
    assert all("950,4" in one and "ahead of the database's" in one for one in result["refusals"])
    assert aside(world) == [LIVE, BACKUP]
    database_clock(world, "0")
    assert world.hostswitch("remove", plan=plan)[1]["outcome"] == "removed"
