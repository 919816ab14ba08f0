"""The shell that puts a file in place on a host, run for real."""

from __future__ import annotations

import base64
import grp
import os
import pwd
import subprocess
from pathlib import Path

from roles.shared.files import REPLACE

OWNER = f"{pwd.getpwuid(os.geteuid()).pw_name}:{grp.getgrgid(os.getegid()).gr_name}"


def put(path: Path, content: bytes, mode: str = "640") -> subprocess.CompletedProcess[bytes]:
    """What the operation runs."""
    command = ["sh", "-c", REPLACE, "sh", str(path), OWNER, mode]
    return subprocess.run(
        command, input=base64.b64encode(content), capture_output=True, check=False
    )


def test_a_file_is_put_whole_with_its_mode_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for content in (b"one\n", b"two\n"):
        assert put(path, content).returncode == 0
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o7777 == 0o640
        assert [one.name for one in tmp_path.iterdir()] == ["secret"]


def test_a_link_or_directory_there_is_replaced_or_refused_never_followed(tmp_path: Path) -> None:
    """Root must not write where the owner of a directory points it."""
    other = tmp_path / "other"
    other.mkdir()
    link, directory = tmp_path / "link", tmp_path / "directory"
    link.symlink_to(other)
    directory.mkdir()
    assert put(link, b"x").returncode == 0
    assert not link.is_symlink()
    assert put(directory, b"x").returncode != 0
    assert not list(other.iterdir())
    assert not list(directory.iterdir())
    assert {one.name for one in tmp_path.iterdir()} == {"other", "link", "directory"}
