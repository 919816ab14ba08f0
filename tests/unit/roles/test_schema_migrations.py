"""The migrations that the schema step hands to the host."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from roles.schema import tasks
from sessionstore.errors import MigrationProblem
from sessionstore.migrations.plan import from_plan


def test_a_migration_that_lost_a_script_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest one without its deploy script would be passed over as if it were not there."""
    newest = from_plan(tasks.migrations())[-1].name
    shutil.copytree(tasks.MIGRATIONS, tmp_path / "migrations")
    monkeypatch.setattr(tasks, "MIGRATIONS", tmp_path / "migrations")
    (tmp_path / "migrations" / "deploy" / f"{newest}.sql").unlink()
    with pytest.raises(MigrationProblem, match=f"{newest} lacks its deploy script"):
        from_plan(tasks.migrations())
