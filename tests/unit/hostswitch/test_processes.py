"""What /proc says of the service's processes, which may keep whoever asks waiting."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hostswitch.base import processes

US = os.geteuid(), os.getegid()


def test_an_environment_that_never_comes_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies in a process's own memory: who holds that up must not hold a switch up."""
    (tmp_path / "1").mkdir()
    os.mkfifo(tmp_path / "1" / "environ")
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    began = time.monotonic()
    assert processes.environment(1, US) is None
    assert time.monotonic() - began < 30


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's rights are root's to take")
def test_another_users_environment_is_not_read_for_him() -> None:
    assert processes.environment(os.getpid(), (65534, 65534)) is None
    assert "PATH" in (processes.environment(os.getpid(), US) or {})
