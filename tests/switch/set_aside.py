"""What a switch set aside, and the verification that its removal waits for."""

from __future__ import annotations

from sessionstore.archive.manifest import entry_of
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import walk

from .plans import ROLLOUT
from .world import World

LIVE = "baileys_sessions"
BACKUP = "baileys_sessions_backup"


def verify(world: World, good: bool = True) -> None:
    """Record a verification of the rollout, its archives checked."""
    made = (world.place / "archive" / ROLLOUT).glob("*.tar.zst.age")
    archives = {str(path): "passed" for path in made}
    token = {"rollout_id": ROLLOUT, "verified": good, "passed": 30, "archives": archives}
    assert world.hostswitch("record", plan=token)[0] == 0


def aside(world: World) -> list[str]:
    """The names that are set aside."""
    return sorted(path.name for path in (world.app_dir / ".set-aside").glob("*/*"))


def described(world: World, path: str) -> dict[str, object]:
    """Names, modes, owners, times and contents."""
    with closing(open_directory(str(world.app_dir / path))) as fd:
        return {node.path: entry_of(node) for node in walk(fd).nodes}
