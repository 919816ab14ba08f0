"""A directory of session files, for the tests of the scan."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..scanned_directory import company


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of session files with one company of two keys."""
    root = tmp_path / "baileys_sessions"
    company(root / "company_962302")
    return root
