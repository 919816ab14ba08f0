"""The database goes away while a directory is put back: all of it is back, or nothing of it."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

from tests.store.proxy import Proxy

from .plans import APP, ROLLOUT
from .set_aside import LIVE, described, verify
from .world import World

SOAK = bool(os.environ.get("ROLLOUT_SOAK"))
CUTS = 1000 if SOAK else 4
KEPT = f".set-aside/{ROLLOUT}/{LIVE}"


class Restoring:
    """Puts the live directory back while the service is stopped, so that the database decides."""

    def __init__(self, world: World, plan: dict[str, Any], archived: bool) -> None:
        self._world, self._plan, self._archived = world, plan, archived
        self._before = described(world, KEPT)
        world.hostswitch("archive", plan=plan)
        verify(world)
        if archived:
            assert world.hostswitch("remove", plan=plan)[1]["outcome"] == "removed"
        world.pm2("stop", APP)

    def run(self, **database: object) -> tuple[int, dict[str, Any]]:
        """Once, as an operator would; over other connection settings if some are given."""
        changed = {**self._plan, "database": {**self._plan["database"], **database}}
        identity = ("--identity", str(self._world.place / "identity.txt"))
        return self._world.hostswitch(
            "restore", LIVE, *(identity if self._archived else ()), plan=changed
        )

    def cut(self, number: int) -> tuple[int, dict[str, Any], int]:
        """Once, with a database that is gone when it is sent something for the n-th time.

        Returns:
            The exit code, the result, and how often it was sent something; 0 never cuts.
        """
        with Proxy({"host": str(self._world.server)}) as proxy:
            proxy.cut_at(number)
            proxy.stay_down()
            code, result = self.run(host="127.0.0.1", port=int(proxy.settings["port"]))
            assert (proxy.cuts == 1) == bool(number)
            return code, result, proxy.sent

    def is_back(self) -> bool:
        """Whether it is back entirely; otherwise nothing of it is there."""
        there = sorted(one.name for one in self._world.app_dir.iterdir() if LIVE + "." in one.name)
        assert there == [], "half of it"
        if self._world.live.exists():
            assert described(self._world, LIVE) == self._before
            return True
        assert self._archived or described(self._world, KEPT) == self._before
        return False

    def away_again(self) -> None:
        """As it was before it was put back."""
        if self._archived:
            shutil.rmtree(self._world.live)
        else:
            self._world.live.rename(self._world.app_dir / KEPT)


@pytest.mark.parametrize("archived", [False, True] if SOAK else [False])
def test_at_every_cut_it_is_back_or_not_there(
    world: World, plan: dict[str, Any], archived: bool
) -> None:
    """What the database did not say counts as newer keys: a service could feed from old ones."""
    restoring = Restoring(world, plan, archived)
    code, result, sent = restoring.cut(0)
    assert code == 3 and "ratchets would go back" in result["refusals"][0]
    for number in range(1, sent + 1, max(1, sent // CUTS)):
        code, result, _ = restoring.cut(number)
        assert code == 3 and not restoring.is_back(), number
        said = " ".join(result["refusals"])
        assert "nobody can tell whether the database has newer keys" in said
        assert "connect" in said.partition("newer keys")[2], said
    world.query("DELETE FROM whatsapp_keys; DELETE FROM whatsapp_auth")
    for number in range(1, sent + 1, max(1, sent // CUTS)):
        code, _, _ = restoring.cut(number)
        assert (code == 0) == restoring.is_back(), number
        if code:
            assert code == 3 and restoring.run()[0] == 0, number
            assert restoring.is_back()
        restoring.away_again()
