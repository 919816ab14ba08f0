"""A second service of the same checkout, where the plan's PM2 does not see it: two sockets on one account."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .outcomes import ON_FILES
from .plans import APP
from .world import World


@pytest.fixture
def other(world: World) -> Path:
    """PM2 of another home, which only its boot unit names; it runs the checkout from elsewhere."""
    units, home = world.place / "units", world.place / "pm2-other"
    units.mkdir()
    (units / "pm2-root.service").write_text(f"[Service]\nEnvironment=PM2_HOME={home}\n")
    world.run_inside("mount", "--bind", str(units), "/etc/systemd/system")
    where = world.place / "elsewhere"
    where.mkdir()
    values = {"STATUS_PORT": "0", "COMPANIES": "x"}
    (where / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    (where / "baileys_sessions").symlink_to(world.live)
    script = str(world.app_dir / "src" / "server.js")
    world.pm2("start", script, "--name", "a second", "--cwd", str(where), environment=at(home))
    return home


def at(home: Path) -> dict[str, str]:
    return {"PM2_HOME": str(home)}


def test_another_pm2_that_runs_the_checkout_or_will_at_boot_is_refused(
    world: World, other: Path
) -> None:
    """It went through: after the set-aside root's copy makes an identity, or sends with moved keys."""
    (refusal,) = world.hostswitch("preflight")[1]["refusals"]
    assert "runs here outside the declared PM2 apps" in refusal
    world.pm2("save", environment=at(other))
    world.pm2("kill", environment=at(other))
    code, result = world.hostswitch("preflight")
    (refusal,) = result["refusals"]
    assert code == 3 and "the PM2 of root starts a second from here at boot" in refusal
    assert world.hostswitch("switch")[0] == 3
    remedy = re.search("(export .*)", refusal)
    assert remedy is not None
    path = ["env", f"PATH={world.search_path}"]
    world.pm2("resurrect", environment=at(other))
    subprocess.run([*world.machine.inside(), *path, "sh", "-c", remedy[1]], check=True)
    assert world.hostswitch("preflight")[0] == 2


def test_a_service_that_no_pm2_started_is_refused_wherever_it_works(world: World) -> None:
    """As a systemd unit does it: no working directory of its own, and nothing that answers here."""
    script = world.app_dir / "src" / "unit.js"
    script.write_text("setInterval(() => {}, 1000); console.log()\n")
    inside = [*world.machine.inside(), "env", "-C", "/", "node", "--no-warnings", str(script)]
    # It ends with the machine.
    running = subprocess.Popen(inside, stdout=subprocess.PIPE)
    assert running.stdout and running.stdout.readline()
    (refusal,) = world.hostswitch("preflight")[1]["refusals"]
    assert f"runs here outside the declared PM2 apps ({script})" in refusal


def test_files_that_the_service_left_long_ago_are_not_imported(world: World) -> None:
    """Its .env names another place: it answered as it should, and files of an older life went in."""
    used = world.place / "sessions"
    shutil.copytree(world.live, used)
    (used / world.company.name / "pre-key-9999.json").write_text('{"public": {}, "private": {}}')
    world.write_env(".env", USE_REPOSITORY_PATTERN="false", SESSIONS=str(used))
    world.pm2("restart", APP)
    world.wait_for(ON_FILES)
    code, result = world.hostswitch("switch")
    assert code == 3 and "its keys may be elsewhere" in result["refusals"][0], result
    world.connected()
    assert world.hostswitch("preflight")[0] == 2
