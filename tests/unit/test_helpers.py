"""Where the tests keep what several of them need."""

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
