"""Putting a directory back: exactly, and never where a service could feed from it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hostswitch.base.processes import node_below

from .plans import APP, COMPANY, ROLLOUT
from .set_aside import BACKUP, LIVE, aside, described, verify
from .world import World


def test_a_set_aside_directory_comes_back_exactly(world: World, plan: dict[str, Any]) -> None:
    """The service runs on PostgreSQL and reads no file, so it can't feed from it."""
    before = described(world, f".set-aside/{ROLLOUT}/{LIVE}")
    assert world.hostswitch("restore", LIVE, "--check", plan=plan)[0] == 2
    assert aside(world) == [LIVE, BACKUP]
    code, result = world.hostswitch("restore", LIVE, plan=plan)
    assert (code, result["outcome"]) == (0, "restored")
    assert described(world, LIVE) == before and aside(world) == [BACKUP]
    code, result = world.hostswitch("restore", LIVE, plan=plan)
    assert code == 1 and "neither set aside nor archived" in result["error"]


def test_an_archived_directory_comes_back_exactly(world: World, plan: dict[str, Any]) -> None:
    """After removal the archive is all there is, and its identity is needed."""
    os.utime(world.app_dir / ".set-aside" / ROLLOUT / BACKUP, ns=(1, 1_600_000_000_123_456_789))
    before = described(world, f".set-aside/{ROLLOUT}/{BACKUP}")
    world.hostswitch("archive", plan=plan)
    verify(world)
    assert world.hostswitch("remove", plan=plan)[1]["outcome"] == "removed"
    code, result = world.hostswitch("restore", BACKUP, plan=plan)
    assert code == 1 and "--identity" in result["error"]
    identity = str(world.place / "identity.txt")
    code, result = world.hostswitch("restore", BACKUP, "--identity", identity, plan=plan)
    assert (code, result["outcome"]) == (0, "restored"), result
    assert described(world, BACKUP) == before
    code, result = world.hostswitch("restore", BACKUP, "--identity", identity, plan=plan)
    assert code == 3 and "in its place already" in result["refusals"][0]


def refused(world: World, plan: dict[str, Any]) -> bool:
    """Whether restoring the live directory is refused for its company's sake."""
    code, result = world.hostswitch("restore", LIVE, plan=plan)
    named = any(f"has company {COMPANY}" in one for one in result.get("refusals", ()))
    return code == 3 and named and LIVE in aside(world) and not world.company.exists()


def test_refused_while_a_service_could_feed_from_it(world: World, plan: dict[str, Any]) -> None:
    """Old ratchets against a newer database: messages would be lost on both sides."""
    with stray_process(world):
        assert refused(world, plan)
        # A live directory may be declared as a backup after the cut-over (docs/session-data.md).
        first, *others = plan["legacy_directories"]
        redeclared = [{**first, "kind": "backup"}, *others]
        assert refused(world, {**plan, "legacy_directories": redeclared})
    world.write_env(".env", USE_REPOSITORY_PATTERN="false")
    assert refused(world, plan), "the next start would read files"
    world.write_env(".env", USE_REPOSITORY_PATTERN="true")
    world.pm2("restart", APP, "--update-env", environment={"USE_REPOSITORY_PATTERN": "false"})
    assert refused(world, plan), "what PM2 exported wins over the .env"
    world.pm2("stop", APP)
    assert refused(world, plan), "nobody can tell what it would read"
    world.query("DELETE FROM whatsapp_keys; DELETE FROM whatsapp_auth")
    code, result = world.hostswitch("restore", LIVE, plan=plan)
    assert (code, result["outcome"]) == (0, "restored"), result


@contextmanager
def stray_process(world: World) -> Iterator[None]:
    """A Node.js process in the application's directory that PM2 knows nothing of."""
    here = str(world.app_dir)
    code = f"process.chdir({json.dumps(here)}); setInterval(() => {{}}, 1000)"
    with subprocess.Popen([*world.machine.inside(), "node", "-e", code]) as stray:
        try:
            end = time.monotonic() + 20
            while here not in node_below(here).values():
                assert time.monotonic() < end
                time.sleep(0.05)
            yield
        finally:
            for pid, where in node_below(here).items():
                if where == here:
                    os.kill(pid, signal.SIGKILL)
            stray.kill()
