"""PM2 as the host program uses it, on its socket and by its library, does what the command `pm2` does."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostswitch.base import processes
from hostswitch.base.user import Account
from hostswitch.pm2 import rpc
from hostswitch.pm2.client import Pm2
from hostswitch.pm2.ecosystem import word

APP = "idler"


class Pm2Place:
    """A PM2 of its own, and an app that does nothing."""

    def __init__(self, place: Path, tools: Path) -> None:
        self.home = place / "pm2"
        self.ecosystem = place / "ecosystem.config.js"
        self.search_path = f"{tools}/node_modules/.bin:{os.environ['PATH']}"
        (place / "idler.js").write_text("setInterval(() => {}, 1000)\n")
        app: dict[str, Any] = {
            "name": APP,
            "script": str(place / "idler.js"),
            "cwd": str(place),
            "env": {},
        }
        self.ecosystem.write_text(f"module.exports = {{ apps: [{json.dumps(app)}] }}\n")
        self.word = word({APP: app}, ())
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.ours = Pm2(Account.of(user, self.search_path), str(self.home))

    def command(self, *words: str) -> None:
        """The program `pm2` in the environment in which the host program runs programs."""
        environment = {"HOME": str(Path.home()), "LANG": "C.UTF-8", "PM2_HOME": str(self.home)}
        environment |= {"PATH": self.search_path, "USER": "root", "LOGNAME": "root"}
        subprocess.run(["pm2", *words], env=environment, check=True, capture_output=True, cwd="/")

    def started(self) -> dict[str, str]:
        """The environment of the app that runs."""
        own = (os.geteuid(), os.getegid())
        return processes.environment(self.ours.apps()[0].pid, own) or {}


@pytest.fixture
def pm2(tools: Path) -> Iterator[Pm2Place]:
    """It, its daemon running."""
    # A socket's path must be short for PM2 itself.
    place = Path(tempfile.mkdtemp(prefix="pm2-"))
    made = Pm2Place(place, tools)
    made.command("ping")
    try:
        yield made
    finally:
        made.command("kill")
        shutil.rmtree(place)


def test_a_save_is_what_pm2_saves_and_private(pm2: Pm2Place) -> None:
    """What a boot brings back must not depend on who wrote it down."""
    pm2.command("start", str(pm2.ecosystem))
    pm2.command("save", "--force")
    theirs = json.loads(pm2.ours.dump().read_text())
    pm2.ours.save([APP])
    mine = json.loads(pm2.ours.dump().read_text())
    assert mine == theirs and mine[0]["name"] == APP
    assert pm2.ours.dump().stat().st_mode & 0o777 == 0o600


def test_a_primed_start_gives_the_environment_of_pm2_start(pm2: Pm2Place) -> None:
    """A name that only one of the two exports would shadow the .env for good."""
    pm2.command("start", str(pm2.ecosystem), "--only", APP)
    theirs = pm2.started()
    pm2.ours.delete([APP], 10)
    assert pm2.ours.apps() == []
    pm2.ours.prime()
    pm2.ours.start(pm2.word)
    mine = pm2.started()
    own = {"unique_id", "PM2_INTERACTOR_PROCESSING", "pm_uptime", "created_at"}
    assert {n: v for n, v in mine.items() if n not in own} == {
        n: v for n, v in theirs.items() if n not in own
    }


@pytest.mark.parametrize("dies", ["daemon", "client"])
def test_a_primed_start_does_not_wait_for_what_died(pm2: Pm2Place, dies: str) -> None:
    """It would be a minute without service, and then nothing that runs."""
    pm2.ours.wait_primed()
    starter = pm2.ours._starter
    assert starter is not None
    ended = starter._child.pid if dies == "client" else pm2.ours.daemon()
    assert ended is not None
    os.kill(ended, signal.SIGKILL)
    time.sleep(0.3)
    began = time.monotonic()
    pm2.ours.start(pm2.word)
    assert [app.running for app in pm2.ours.apps()] == [True]
    assert time.monotonic() - began < 20


def test_a_primed_start_without_the_word_starts_nothing(pm2: Pm2Place) -> None:
    """A host program that dies before the swap must not leave a new version starting by itself."""
    pm2.ours.wait_primed()
    starter = pm2.ours._starter
    assert starter is not None and starter._child.stdin is not None
    starter._child.stdin.close()
    assert starter._child.wait(10) != 0
    time.sleep(0.3)
    assert pm2.ours.apps() == []


def test_nothing_is_said_to_a_socket_of_another_user(pm2: Pm2Place) -> None:
    """Whoever owns PM2's directory could lead root to another program's socket."""
    with pytest.raises(rpc.Pm2DaemonError, match="not one of user 65534"):
        rpc.call(pm2.home, 65534, "getMonitorData", {}, seconds=5)


def test_what_the_daemon_refuses_is_an_error_with_its_words(pm2: Pm2Place) -> None:
    """An app that PM2 does not know must not count as deleted."""
    with pytest.raises(rpc.Pm2DaemonError, match="deleteProcessId"):
        rpc.call(pm2.home, os.geteuid(), "deleteProcessId", 99, seconds=5)
