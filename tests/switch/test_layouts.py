"""Session files that do not lie in company_<id>: cut over, put back and removed like any others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from .outcomes import ON_FILES, ON_POSTGRES
from .plans import COMPANY
from .world import World


def _move(world: World, place: str) -> dict[str, str]:
    """Keep the files as another kind of service would; gives them by name."""
    files = world.files()
    if place == ".":
        for path in sorted(world.company.iterdir()):
            path.rename(world.live / path.name)
        world.company.rmdir()
    else:
        world.company.rename(world.live / place)
        (world.live / "Thumbs.db").write_text("")
    return files


@pytest.mark.parametrize(
    ("place", "declared"),
    [
        (".", {}),
        (
            f"md_shop{COMPANY}",
            {"companies": {f"md_shop{COMPANY}": COMPANY}, "litter": ["Thumbs.db"]},
        ),
    ],
)
def test_a_cut_over_of_files_that_lie_elsewhere(
    world: World, place: str, declared: Mapping[str, Any]
) -> None:
    """Killed before it was active it is put back, from the very files; then it goes through."""
    files = _move(world, place)
    live = {"path": "baileys_sessions", "kind": "live", **declared}
    plan = world.plan(legacy_directories=[live])
    if declared:
        code, answer = world.hostswitch("preflight", plan=world.plan())
        assert code == 3 and "Thumbs.db" in str(answer), "nobody said what that is"
    assert world.hostswitch("switch", plan=plan, die_at="staged:imported")[0] == -9
    assert world.rows() == (1, len(files) - 1)
    assert world.hostswitch("resume")[0] == 4
    world.wait_for(ON_FILES)
    assert world.rows() == (0, 0)
    assert sorted(one.name for one in (world.live / place).glob("*.json")) == sorted(files)
    code, result = world.hostswitch("switch", plan={**plan, "rollout_id": "20261123T140000Z-b2"})
    assert (code, result["outcome"]) == (0, "switched"), result
    world.wait_for(ON_POSTGRES)
    assert world.rows() == (1, len(files) - 1)
    states = world.query("SELECT state FROM whatsapp_imports WHERE state <> 'withdrawn'")
    assert states == [("active",)] and not world.live.exists()


def test_rows_stay_while_a_file_of_theirs_is_gone(world: World) -> None:
    """Somebody tidied up what was set aside: the database may be all that has the key."""
    files = world.files()
    assert world.hostswitch("switch", die_at="staged:imported")[0] == -9
    kept = next((world.app_dir / ".set-aside").rglob("pre-key-1.json"))
    kept.rename(world.place / kept.name)
    code, result = world.hostswitch("resume")
    assert code == 4 and "pre-key-1.json" in result["error"], result
    assert world.rows() == (1, len(files) - 1)
