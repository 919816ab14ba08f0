"""A copy of the project, for the tests that run the real command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .trial import ROOT


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project."""
    copy = tmp_path_factory.mktemp("project")
    for part in ("rollout", "roles", "inventory"):
        shutil.copytree(ROOT / part, copy / part)
    for part in ("deploy.py", "config.py", "ansible.cfg"):
        shutil.copy(ROOT / part, copy / part)
    return copy
