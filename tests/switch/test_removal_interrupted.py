"""SIGTERM and Ctrl-C while thousands of files are being removed: told, on record, and ended later."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from hostswitch.record.history import NOT_REMOVED, REMOVED, REMOVING
from hostswitch.upkeep.remove import unrecorded
from sessionstore.archive.check import check

from .ending import told_to_end
from .plans import ROLLOUT
from .set_aside import BACKUP, LIVE, verify
from .world import World

SOAK = bool(os.environ.get("ROLLOUT_SOAK"))
FILES = 3000


class Removing:
    """A host whose only directory that is due holds thousands of files."""

    def __init__(self, world: World, plan: dict[str, Any]) -> None:
        self._world, self._plan = world, plan
        self._place = world.app_dir / ".set-aside" / ROLLOUT / BACKUP
        self._half = self._place.with_name(BACKUP + ".removing")
        for number in range(FILES):
            (self._place / f"pre-key-{number}.json").write_text(f'"{number}"')
        world.hostswitch("archive", plan=plan)
        verify(world)
        # As it was archived, to be put there again and again.
        self._kept = self._place.rename(world.place / "kept")
        assert self.run()[1]["removed"][0]["name"] == LIVE
        self._recorded = len(self._history())

    def run(self) -> tuple[int, dict[str, Any]]:
        """Remove, undisturbed."""
        return self._world.hostswitch("remove", plan=self._plan)

    def anew(self) -> None:
        """All of it lies there again, as when it was archived."""
        self._place.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", self._kept, self._place], check=True)
        self._recorded = len(self._history())

    def told_to_end(
        self, reached: Callable[[], bool], number: signal.Signals
    ) -> tuple[int, str, dict[str, Any]]:
        """Remove, and send a signal as soon as something is so; exit code, words, result."""
        return told_to_end(self._world, "remove", self._plan, reached, number)

    def seconds_after_its_begin(self, seconds: float) -> Callable[[], bool]:
        """Tells when so much time has passed since a run took the host's lock."""
        lock = self._world.state / "lock"
        before, since = lock.read_bytes(), [float("inf")]

        def passed() -> bool:
            if since[0] == float("inf") and lock.read_bytes() not in (before, b""):
                since[0] = time.monotonic()
            return time.monotonic() - since[0] >= seconds

        return passed

    def left(self) -> int:
        """How many files are there still."""
        for place in (self._half, self._place):
            try:
                return len(os.listdir(place))  # noqa: PTH208
            except FileNotFoundError:
                continue
        return 0

    def begun(self) -> bool:
        """Whether it has the ending that it has while it is being removed."""
        return self._half.exists()

    def gone(self) -> bool:
        """Whether nothing of it has a name any more, once a run has begun to remove it."""
        return not self.begun() and not self._place.exists()

    def events(self) -> list[str]:
        """What was recorded since all of it lay there."""
        return [line["event"] for line in self._history()[self._recorded :]]

    def assert_nothing_is_lost(self) -> None:
        """Every file is in the archive; none is deleted without a line that says so before."""
        base = self._world.place / "archive" / ROLLOUT / BACKUP
        identity = str(self._world.place / "identity.txt")
        checked = check(f"{base}.tar.zst.age", f"{base}.manifest.jsonl", identity)
        assert checked.files == FILES
        assert self.left() == FILES or self.events()[0] == REMOVING

    def assert_ends(self) -> None:
        """The next run ends and records what this one began; then there is nothing to do."""
        assert self.run()[0] == 0
        assert not self.left() and not self.begun()
        assert self.events()[-1] == REMOVED and unrecorded(self._history()) == []

    def _history(self) -> list[dict[str, Any]]:
        lines = (self._world.state / "history.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


def assert_told(code: int, said: str, result: dict[str, Any], number: signal.Signals) -> None:
    """The exit code of the signal, its name, what to do, and no traceback."""
    assert code == 128 + number, said
    assert result["outcome"] == "interrupted" and "Traceback" not in said
    assert result["error"].startswith(f"interrupted ({number.name}). Run it again")
    assert result["error"] in said


def test_told_to_end_while_files_are_deleted(world: World, plan: dict[str, Any]) -> None:
    """At its beginning, half way, and when the last file is gone but not yet on record."""
    removing = Removing(world, plan)
    for number, reached, recorded in (
        (signal.SIGINT, removing.begun, [REMOVING, NOT_REMOVED]),
        (signal.SIGTERM, lambda: removing.left() < FILES // 2, [REMOVING, NOT_REMOVED]),
        (signal.SIGTERM, removing.gone, [REMOVING]),
    ):
        assert caught(removing, reached, number, recorded), "it was never caught there"


def caught(
    removing: Removing, reached: Callable[[], bool], number: signal.Signals, recorded: list[str]
) -> bool:
    """Try to catch it where it has just this on record; on a busy machine it may be further."""
    for _ in range(10):
        removing.anew()
        code, said, result = removing.told_to_end(reached, number)
        if result["outcome"] == "interrupted":
            assert_told(code, said, result, number)
        removing.assert_nothing_is_lost()
        hit = removing.events() == recorded
        removing.assert_ends()
        if hit:
            return True
    return False


@pytest.mark.skipif(not SOAK, reason="long: set ROLLOUT_SOAK=1")
def test_told_to_end_at_random_instants(world: World, plan: dict[str, Any]) -> None:
    """While it proves, records, deletes: each run is told, and the next one ends it."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    instants = random.Random(seed)
    removing, told = Removing(world, plan), 0
    for turn in range(30):
        number = (signal.SIGTERM, signal.SIGINT)[turn % 2]
        removing.anew()
        reached = removing.seconds_after_its_begin(instants.uniform(0, 1))
        code, said, result = removing.told_to_end(reached, number)
        if result["outcome"] == "interrupted":
            told += 1
            assert_told(code, said, result, number)
        removing.assert_nothing_is_lost()
        removing.assert_ends()
    assert told > 10, "most runs had ended before they were told"
