"""Files that the service's user can replace, read by root: nothing planted there hangs or misleads."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hostswitch.base import files
from hostswitch.base.errors import HostError
from hostswitch.base.files import UnsafeFileError, read_regular, walk
from hostswitch.base.user import Account
from hostswitch.pm2 import dump
from hostswitch.pm2.client import Pm2
from hostswitch.pm2.dump import DumpError
from hostswitch.service import pointers
from hostswitch.service.pointers import baileys_version, revision_of

US = os.geteuid(), os.getegid()
APPS = [{"name": "app", "env": {"A": "1"}}]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_text(json.dumps(APPS))
    path.symlink_to(target)


def directory(path: Path) -> None:
    path.mkdir()


def endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


PLANTED = pytest.mark.parametrize("plant", [fifo, link, directory, endless])


@PLANTED
def test_what_is_planted_is_an_error_and_never_content(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    plant(tmp_path / "dump.pm2")
    for read in (dump.read, pointers.read):
        with pytest.raises(UnsafeFileError, match=r"dump\.pm2 .*See: ls -l"):
            read(tmp_path / "dump.pm2")
    assert dump.surviving(tmp_path) == []


@PLANTED
def test_a_planted_pid_file_is_not_taken_for_a_stopped_daemon(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    """ "Can't be known" read as "does not run" would start the service a second time."""
    plant(tmp_path / "pm2.pid")
    with pytest.raises(UnsafeFileError):
        Pm2(Account.of("root", "/bin"), str(tmp_path)).daemon()


@PLANTED
def test_a_planted_lock_file_or_reference_tells_no_version(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    plant(tmp_path / "package-lock.json")
    (tmp_path / ".git").mkdir()
    plant(tmp_path / ".git" / "HEAD")
    assert baileys_version(str(tmp_path), US) is None
    assert revision_of(str(tmp_path), US) is None


def test_a_directory_that_became_a_link_is_not_written_through(tmp_path: Path) -> None:
    """The service's user could have root write a file of its own choice."""
    (tmp_path / "real").mkdir()
    (tmp_path / "home").symlink_to("real")
    with pytest.raises(OSError, match="home"):
        files.replace_file(tmp_path / "home" / "dump.pm2", b"[]", 0o600, None)
    assert not list((tmp_path / "real").iterdir())


@pytest.mark.parametrize("torn", [b"", b'[{"name": "ap', b'{"a": 1}', b"[1]", b"\xff"])
def test_a_torn_dump_is_one_error_and_the_one_before_it_survives(
    tmp_path: Path, torn: bytes
) -> None:
    """Read as "no apps", it would take every other app of that PM2 away from the next boot."""
    path = tmp_path / "dump.pm2"
    path.write_bytes(torn)
    with pytest.raises(DumpError, match=r"is torn.*pm2 save --force"):
        dump.read(path)
    (tmp_path / "dump.pm2.bak").write_text(json.dumps(APPS))
    assert dump.surviving(tmp_path) == APPS


def test_a_dump_without_apps_is_whole_and_the_one_before_it_stays_forgotten(tmp_path: Path) -> None:
    """What an operator deleted since would be resurrected: two processes on one credential."""
    (tmp_path / "dump.pm2.bak").write_text(json.dumps(APPS))
    assert dump.surviving(tmp_path) == APPS
    (tmp_path / "dump.pm2").write_text("[]")
    assert dump.surviving(tmp_path) == []


def test_directories_deeper_than_a_program_may_call_itself_are_an_error(tmp_path: Path) -> None:
    """And what lies at a place that is no directory by now is not looked into."""
    above = os.open(tmp_path, os.O_RDONLY)
    for _ in range(100):
        os.mkdir("d", dir_fd=above)
        below = os.open("d", os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    os.close(above)
    descriptors = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(UnsafeFileError, match=r"more than 64 levels down\. See: ls"):
        list(walk(tmp_path))
    assert len([*Path("/proc/self/fd").iterdir()]) == descriptors
    assert [found for found, _ in walk(tmp_path, ["d"])] == [str(tmp_path)]
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(UnsafeFileError, match="link can't be read"):
        list(walk(tmp_path / "link"))
    assert list(walk(tmp_path / "none")) == []


def test_a_lock_file_nested_without_end_tells_no_version(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text("[" * 100_000)
    assert baileys_version(str(tmp_path), US) is None


def test_a_missing_file_is_nothing_and_a_large_one_an_error(tmp_path: Path) -> None:
    assert read_regular(tmp_path / "none", 10) is None
    (tmp_path / "some").write_bytes(b"x" * 11)
    with pytest.raises(HostError, match="larger"):
        read_regular(tmp_path / "some", 10)
    assert read_regular(tmp_path / "some", 11) == b"x" * 11
