"""Staging the next .env: bad files are one clear error each, and the live file is never torn."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path

import pytest

from hostswitch.base.errors import HostError
from hostswitch.envfile.staging import WOULD_STAGE, EnvPlan, stage
from hostswitch.envfile.values import parse

SETTINGS = {"LOG_LEVEL": "debug", "POSTGRES_PASSWORD": "hunter2 # '\n"}


def plan_for(place: Path) -> EnvPlan:
    """A plan for the file `.env` in a directory."""
    return EnvPlan(
        str(place / ".env"),
        str(place / ".env.next"),
        getpass.getuser(),
        SETTINGS,
        ("POSTGRES_PASSWORD",),
        ("LOG_LEVEL",),
    )


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def ten_megabytes(path: Path) -> None:
    path.write_bytes(b"A=1\n" * 2_500_000)


def binary(path: Path) -> None:
    path.write_bytes(b"\x7fELF\0\0LOG_LEVEL=info\n")


def symlink(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def named_twice(path: Path) -> None:
    path.write_text("LOG_LEVEL=info\n\nexport LOG_LEVEL=warn\n")


def as_declared_but_open_to_all(path: Path) -> None:
    path.write_text('LOG_LEVEL=debug\nPOSTGRES_PASSWORD="hunter2 # \'\\n"\n')
    path.chmod(0o644)


@pytest.mark.parametrize("harm", [missing, empty], ids=lambda value: value.__name__)
def test_a_file_that_is_not_there_yet_is_written(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """A fresh host has none; that is no mistake."""
    (tmp_path / ".env").touch(0o600)
    harm(tmp_path / ".env")
    assert stage(plan_for(tmp_path), check_only=False).outcome == "staged"
    staged = tmp_path / ".env.next"
    assert parse(staged.read_bytes()) == SETTINGS
    assert staged.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (ten_megabytes, "larger than 1 MiB"),
        (binary, "no text"),
        (symlink, "symlink to elsewhere"),
        (directory, "no regular file"),
        (named_twice, "LOG_LEVEL in lines 1 and 3"),
        (as_declared_but_open_to_all, "chmod 600"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_file_is_one_clear_error(
    tmp_path: Path, harm: Callable[[Path], None], words: str
) -> None:
    """Guessing at a file that is not what it should be loses an operator's settings."""
    (tmp_path / ".env").write_text("LOG_LEVEL=info\n")
    (tmp_path / ".env").chmod(0o600)
    harm(tmp_path / ".env")
    with pytest.raises(HostError) as refused:
        stage(plan_for(tmp_path), check_only=False)
    said = str(refused.value)
    assert words in said and str(tmp_path / ".env") in said and "hunter2" not in said
    assert not (tmp_path / ".env.next").exists()


def test_what_is_staged_shows_no_secret_and_leaves_the_live_file_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The plan of a rollout goes into terminals and tickets."""
    live = tmp_path / ".env"
    live.write_text("LOG_LEVEL=info\nPOSTGRES_PASSWORD=older\n")
    before = (live.read_bytes(), live.stat().st_ino)
    assert stage(plan_for(tmp_path), check_only=True).outcome == WOULD_STAGE
    assert list(tmp_path.iterdir()) == [live]
    staged = stage(plan_for(tmp_path), check_only=False)
    said = f"{staged} {capfd.readouterr()}"
    assert {"name": "LOG_LEVEL", "from": "info", "to": "debug"} in staged.changes
    assert "hunter2" not in said and "older" not in said
    assert (live.read_bytes(), live.stat().st_ino) == before
