"""What the gate must not believe, and what PM2 must not start at a boot. Each fails without its guard."""

from __future__ import annotations

import json
import os

import pytest

from .outcomes import assert_before
from .plans import APP
from .world import World


def without_cut_over(world: World, **drill: str) -> None:
    """On the database already; what follows is put back where the gate says no."""
    assert world.hostswitch("switch")[0] == 0
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", **drill)


def gated(world: World, settle: float) -> tuple[int, str]:
    gate = {**world.plan()["gate"], "settle_seconds": settle}
    plan = world.plan(rollout_id="20261123T140000Z-next", gate=gate)
    code, result = world.hostswitch("switch", plan=plan)
    return code, result.get("error", "")


def test_another_process_that_answers_is_not_the_service(world: World) -> None:
    """A copy that runs outside PM2 answers as well as the service would, and loses its keys."""
    without_cut_over(world, DRILL_PID="1")
    code, error = gated(world, 0.5)
    assert code == 4 and "pid 1 answers, PM2 started " in error


@pytest.mark.parametrize(
    ("slow", "dies", "settle"),
    [
        pytest.param(0, 2500, 4, id="it settles until it is as old as that"),
        pytest.param(4000, 1200, 4, id="and half of that after its first answer"),
    ],
)
def test_a_version_that_dies_while_it_should_settle_is_not_healthy(
    world: World, slow: int, dies: int, settle: float
) -> None:
    """Many a service answers at once and falls over when its first connection is refused."""
    without_cut_over(world, DRILL_SLOW=str(slow), DRILL_DIES=str(dies))
    code, error = gated(world, settle)
    assert code == 4 and "settl" in error


def in_dump(world: World) -> bool:
    content = json.loads((world.pm2_home / "dump.pm2").read_text())
    return APP in {app["name"] for app in content}


@pytest.mark.parametrize(
    "instant",
    [
        "done:active",
        "start:healthy",
        pytest.param(
            "intent:active",
            marks=pytest.mark.skipif(
                not os.environ.get("ROLLOUT_SOAK"), reason="a soak test: a minute for the database"
            ),
        ),
    ],
)
def test_pm2_starts_no_version_by_itself_while_a_switch_goes_forward(
    world: World, instant: str
) -> None:
    """Whoever saves or restores PM2's dump meanwhile would have the old version started on keys of old."""
    dump, fallback = world.pm2_home / "dump.pm2", world.pm2_home / "dump.pm2.bak"
    old = dump.read_text()
    assert world.hostswitch("switch", die_at=instant)[0] == -9
    world.power_cut()
    dump.write_text(old)
    fallback.write_text(old)
    if instant == "intent:active":
        plan = world.state / "plan.json"
        away = json.loads(plan.read_text())
        away["database"]["host"] = "/nonexistent"
        plan.write_text(json.dumps(away))
    world.power_on()
    world.hostswitch("resume", "--boot", "before-pm2")
    assert not in_dump(world) and not fallback.exists()


def test_pm2_does_not_start_the_old_version_on_files_that_were_torn_since(world: World) -> None:
    """The dump brings it back already; on torn credentials it would make a new identity."""
    files = world.files()
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", DRILL="fail")
    assert world.hostswitch("switch", die_at="start:put-back")[0] == -9
    world.power_cut()
    assert in_dump(world)
    credentials = world.company / "creds.json"
    credentials.write_text('{"me":')
    world.boot()
    assert not in_dump(world) and world.status() is None
    assert "creds.json" in world.alarm.read_text()
    credentials.write_text(files["creds.json"])
    assert world.hostswitch("resume")[0] == 4
    assert_before(world, files)
