"""How roles start the program on the host."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hostswitch.errors import USAGE
from roles.shared.host_program import detached_command


def test_two_switches_do_not_share_a_systemd_unit() -> None:
    """systemd's own "unit already loaded" would hide who is at work and what to do."""
    plan = {"rollout_id": "20261122T140000Z-3fa2"}
    commands = {detached_command("switch --plan -", plan).get_raw_value() for _ in range(20)}
    assert len(commands) == 20
    assert all("--unit=baileys-hostswitch-20261122T140000Z-3fa2-" in text for text in commands)


@pytest.mark.parametrize("words", [["preflightt"], ["env", "--planet"], ["status", "--lines", "x"]])
def test_a_mistyped_command_never_says_changes(words: list[str]) -> None:
    """Exit code 2 would make a rollout switch; argparse's own for a mistyped option is just that."""
    done = subprocess.run(
        [sys.executable, "-m", "hostswitch", *words], capture_output=True, check=False
    )
    assert done.returncode == USAGE and b"--help" in done.stderr
