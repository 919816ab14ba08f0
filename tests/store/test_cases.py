"""Inputs from the field, rebuilt with made-up keys (``cases/``), each with the end it must have."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sessionstore.database import Connection

from .test_commands import run

CASES = Path(__file__).parent / "cases"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look into /proc")


@dataclass
class Case:
    """One input, copied to where it may be changed, beside a database with the schema."""

    root: Path
    conn: Connection
    settings: dict[str, str]

    def plan(self, directory: str, **more: object) -> dict[str, Any]:
        """A plan about a directory of the input."""
        where = str(self.root / directory)
        return {"database": self.settings, "directory": where, "kind": "live", **more}

    def imports(self, directory: str, **more: object) -> tuple[int, list[dict[str, Any]], str]:
        """Import a directory of the input; what was said is in one line."""
        return run_plan("import", "--service-is-stopped", plan=self.plan(directory, **more))

    def accounts(self, directory: str, **more: object) -> tuple[int, list[dict[str, Any]], str]:
        """Account for a directory of the input."""
        return run_plan("account", plan=self.plan(directory, **more))

    def scans(self, directory: str, *options: str) -> tuple[int, list[dict[str, Any]], str]:
        """Scan a directory of the input."""
        return run("scan", str(self.root / directory), *options)

    def explains(self, path: str, **more: object) -> tuple[int, list[dict[str, Any]], str]:
        """Explain a file or directory of the input."""
        plan = {"database": self.settings, **more}
        code, events, said = run("explain", str(self.root / path), plan=plan)
        return code, events, " ".join(said.split())

    def one(self, statement: str) -> Any:
        """The first value that a query gives."""
        row = self.conn.execute(statement.encode()).fetchone()
        assert row
        return row[0]


def run_plan(*arguments: str, plan: object) -> tuple[int, list[dict[str, Any]], str]:
    """Run a command that reads a plan; what was said is in one line."""
    code, events, said = run(*arguments, "--plan", "-", plan=plan)
    return code, events, " ".join(said.split())


def _scalars(case: Case) -> None:
    code, events, _ = case.imports("in")
    assert code == 0 and events[0]["ok"]


ENDS: Mapping[str, Callable[[Case], None]] = {
    "56-scalars": _scalars,
}


@pytest.mark.parametrize("name", sorted(ENDS))
def test_a_case_from_the_field_ends_right(
    name: str, tmp_path: Path, conn: Connection, database: dict[str, str]
) -> None:
    """Each by the commands that its operator would run."""
    shutil.copytree(CASES / name, tmp_path / name)
    ENDS[name](Case(tmp_path / name, conn, database))
