"""How a host stands before and after its cut-over."""

from __future__ import annotations

from pathlib import Path

from .plans import COMPANY, NEW
from .world import World

ON_FILES = "files"
ON_POSTGRES = "postgres"


def assert_before(world: World, files: dict[str, str]) -> None:
    """Everything is as before the switch: files, pointers, rows, and the old version runs."""
    world.wait_for(ON_FILES)
    assert world.files() == files
    assert not (world.app_dir / "current").exists()
    assert "USE_REPOSITORY_PATTERN=false" in (world.app_dir / ".env").read_text()
    assert world.rows() == (0, 0)
    assert not (world.app_dir / ".set-aside").exists()
    assert_closed(world)


def assert_after(world: World, files: dict[str, str]) -> None:
    """The cut-over is done: rows, pointers, files aside, and the new version runs on rows."""
    world.wait_for(ON_POSTGRES)
    status = world.status()
    assert status is not None
    assert (status["credentials"], status["keys"]) == (True, len(files) - 1)
    assert (world.app_dir / "current").readlink() == Path("releases", NEW)
    assert world.rows() == (1, len(files) - 1)
    assert world.query("SELECT state FROM whatsapp_imports WHERE state <> 'withdrawn'") == [
        ("active",)
    ]
    assert not world.live.exists()
    aside = list((world.app_dir / ".set-aside").glob(f"*/baileys_sessions/company_{COMPANY}"))
    assert [sorted(path.name for path in one.iterdir()) for one in aside] == [sorted(files)]
    assert_closed(world)


def assert_closed(world: World) -> None:
    """Nothing of an open switch is left: above all no plan with its password, no copy."""
    kept = {"lock", "history.jsonl", "copies", "started.json"}
    left = {path.name for path in world.state.iterdir()} - kept
    assert left == set()
    copies = world.state / "copies"
    assert not copies.exists() or not list(copies.iterdir())
