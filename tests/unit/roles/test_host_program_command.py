"""How roles start the program on the host."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hostswitch.base import errors
from hostswitch.base.errors import USAGE
from roles.host import tasks
from roles.host.operations import UNPACK
from roles.hostprogram.command import FOLDER, LOADER, RESUME, build_zipapp, detached_command
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


def _unpacked(archive: Path, starter: Path) -> Path:
    place = archive.parent / hashlib.sha256(archive.read_bytes()).hexdigest()
    subprocess.run(["sh", "-c", UNPACK, "sh", archive, place, starter], check=True, timeout=120)
    return place


def test_the_program_is_unpacked_whole_and_the_one_that_is_named_stays(tmp_path: Path) -> None:
    """Another version's modules would switch by that version's rules; without its own none would start."""
    archive, starter = tmp_path / "hostswitch.pyz", tmp_path / "baileys-hostswitch"
    archive.write_bytes(build_zipapp())
    (tmp_path / f"{hashlib.sha256(archive.read_bytes()).hexdigest()}.new").mkdir()  # cut off
    places = []
    for _ in range(3):
        places.append(_unpacked(archive, starter))
        starter.write_text(f'exec python3 -I {places[-1]} "$@"\n')
        archive.write_bytes(archive.read_bytes() + b"\n")
    kept = {path for path in tmp_path.iterdir() if path.is_dir()}
    assert kept == {*places[1:]}
    assert list(places[-1].glob("hostswitch/__pycache__/cli.*.pyc"))
    modes = {path.stat().st_mode & 0o022 for path in places[-1].rglob("*")}
    assert modes == {0}
    done = subprocess.run(["sh", starter, "--help"], capture_output=True, check=True, cwd=tmp_path)
    assert b"exit codes" in done.stdout


def test_what_is_streamed_runs_as_installed_where_just_that_is_installed(tmp_path: Path) -> None:
    """Anyone else's directory under that name would run as root."""
    program = b"PK not run"
    place = tmp_path / hashlib.sha256(program).hexdigest()
    place.mkdir()
    (place / "__main__.py").write_text("import sys; print('installed', sys.argv[1:])")
    encoded = base64.b64encode(program)
    given = b"%d\n%s\nthe plan" % (len(encoded), encoded)
    loader = LOADER.replace(FOLDER, str(tmp_path))

    def said() -> bytes:
        words = [sys.executable, "-c", loader, "flags"]
        return subprocess.run(words, input=given, capture_output=True, check=False).stdout

    assert said() == b"installed ['flags']\n"
    place.chmod(0o777)
    assert said() == b""
