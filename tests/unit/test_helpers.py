"""Where the tests keep what several of them need, and what their map says."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
IMPORT = re.compile(
    r"^\s*(?:from\s+[\w.]*\btest_\w+\s+import|import\s+[\w.]*\btest_)", re.MULTILINE
)


def test_no_test_module_imports_another() -> None:
    """Its tests would be its helper's users, run twice or not at all, and nobody finds the helper."""
    found = [str(path) for path in TESTS.rglob("*.py") if IMPORT.search(path.read_text())]
    assert not found


def test_the_map_names_what_is_there() -> None:
    """README.md sends whoever comes next to files and folders; one that moved would be looked for."""
    text = (TESTS / "README.md").read_text()
    named = re.findall(r"`(?:pytest tests/)?((?:\w+/)*\w+(?:/|\.py))[` ]", text)
    assert len(named) > 20
    assert not [name for name in named if not (TESTS / name).exists()]
