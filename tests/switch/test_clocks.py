"""A database whose clock is not the host's: neither a switch nor a removal goes by such times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .set_aside import BACKUP, LIVE, aside, verify
from .world import World

# The database's own clock can't be told another time: what it is asked for is PostgreSQL's, whatever
# the search path names. So the host is the one that is wrong.
_WRONG = "import time; right = time.time; time.time = lambda: right() + {seconds}\n"

Clock = Callable[[float], None]


@pytest.fixture
def host_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """How many seconds the host program's clock is ahead, from now on."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    def ahead(seconds: float) -> None:
        (tmp_path / "sitecustomize.py").write_text(_WRONG.format(seconds=seconds))

    return ahead


@pytest.mark.parametrize(("ahead", "told"), [(-3600, "behind"), (3600, "ahead of")])
def test_a_switch_is_refused_before_anything_is_changed(
    world: World, host_clock: Clock, ahead: float, told: str
) -> None:
    """Evidence would compare two different times, and the days until removal would be wrong."""
    before, running = world.tree(), world.process()
    host_clock(ahead)
    for command in (("preflight", "--plan", "-"), ("switch",)):
        code, result = world.hostswitch(*command)
        assert (code, result["outcome"]) == (3, "refused"), result
        (refusal,) = result["refusals"]
        assert f"s {told} the database's" in refusal and "timedatectl set-ntp true" in refusal
    assert world.tree() == before and world.process() == running
    host_clock(-240)
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (0, "switched")
    assert -242 < result["clock_ahead_seconds"] < -238


def test_a_removal_is_refused(world: World, plan: dict[str, Any], host_clock: Clock) -> None:
    """A host's clock that was set meanwhile makes it due too early."""
    host_clock(0)
    world.hostswitch("archive", plan=plan)
    verify(world)
    host_clock(11 * 86400)
    code, result = world.hostswitch("remove", plan=plan)
    assert (code, result["outcome"]) == (3, "refused")
    assert all("950,4" in one and "ahead of the database's" in one for one in result["refusals"])
    assert aside(world) == [LIVE, BACKUP]
    host_clock(0)
    assert world.hostswitch("remove", plan=plan)[1]["outcome"] == "removed"
