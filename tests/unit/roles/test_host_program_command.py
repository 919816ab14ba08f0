"""How roles start the program on the host."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hostswitch.base import errors
from hostswitch.base.errors import USAGE
from roles.host import tasks
from roles.hostprogram.command import RESUME, detached_command
from roles.shared.files import content_of

TEMPLATES = Path(tasks.__file__).parent / "templates"


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


def test_a_program_that_dies_is_followed_by_the_unit_that_ends_its_switch() -> None:
    """tests/lab kills it; here, that a decision of its own is no death: it would ring for ever."""
    command = detached_command("switch --plan -", {"rollout_id": "r"}).get_raw_value()
    (stop,) = [word for word in shlex.split(command) if word.startswith("ExecStopPost=")]
    script = shlex.split(stop.replace("$$", "$"))[2].replace("exec ", "echo ")
    decided = {
        value
        for name, value in vars(errors).items()
        if name.isupper() and name[0] != "_" and value != 1
    }
    ends = [
        *((f"exited-{code}", code not in decided) for code in range(256)),
        ("killed-TERM", True),
    ]
    for end, rings in ends:
        code, _, status = end.partition("-")
        told = {"EXIT_CODE": code, "EXIT_STATUS": status}
        done = subprocess.run(["sh", "-c", script], env=told, capture_output=True, check=True)
        assert (RESUME.encode() in done.stdout) == rings, end
    assert (TEMPLATES / f"{RESUME}.j2").is_file()
    # `systemd-run --wait` would answer 0 for them (tests/lab: a refusal is none).
    assert "SuccessExitStatus" not in command


@pytest.mark.parametrize(("result", "rings"), [("success", False), ("oom-kill", True), ("", True)])
def test_a_resume_that_dies_rings_by_itself(tmp_path: Path, result: str, rings: bool) -> None:
    """The program and the plan may be what is broken."""
    script = tmp_path / "alarm"
    what = "'wa-1''s switch'"
    values = {"what": what, "unit": RESUME, "alarm_command": f"tee {tmp_path}/rung"}
    script.write_text(content_of(TEMPLATES / "resume-alarm.j2", **values))
    ended = {**os.environ, "SERVICE_RESULT": result, "EXIT_STATUS": "KILL"}
    done = subprocess.run(["sh", script], env=ended, capture_output=True, check=True, text=True)
    assert (tmp_path / "rung").exists() == rings
    assert f"journalctl -u {RESUME}; then: baileys-hostswitch resume" in done.stdout or not rings
