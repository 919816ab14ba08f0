"""What moves on the disk: renames there and back, pointers, copies, and output that never blocks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hostswitch.base import files
from hostswitch.base.errors import HostError, StepFailedError
from hostswitch.base.places import Places
from hostswitch.directories import aside, copies
from hostswitch.service import pointers
from hostswitch.service.pointers import baileys_version, revision_of
from roles.hostprogram.command import build_zipapp
from sessionstore.disk.opening import exists
from sessionstore.errors import DirectoryProblem

US = (os.geteuid(), os.getegid())
ROLLOUT = "20261122T140000Z-test"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app" / "sessions").mkdir(parents=True)
    (tmp_path / "app" / "sessions" / "creds.json").write_text("{}")
    return tmp_path / "app"


def away(app: Path) -> None:
    with aside.opened(str(app), ROLLOUT, create=True) as (outer, place):
        aside.away(outer, place, "sessions", "sessions")


def back(app: Path) -> bool:
    with aside.opened(str(app), ROLLOUT, create=True) as (outer, place):
        return aside.back(outer, place, "sessions", "sessions")


def test_away_and_back_can_each_be_repeated(app: Path) -> None:
    """A kill between the rename and its journal line makes the next run do it again."""
    inode = (app / "sessions").stat().st_ino
    away(app)
    away(app)
    assert not (app / "sessions").exists()
    assert (app / ".set-aside").stat().st_mode & 0o077 == 0
    assert aside.listed(str(app)) == {ROLLOUT: ["sessions"]}
    assert not back(app)
    assert not back(app)
    assert (app / "sessions").stat().st_ino == inode
    aside.drop_empty(str(app), ROLLOUT)
    assert not (app / ".set-aside").exists()


def test_a_stray_that_appeared_meanwhile_is_kept(app: Path) -> None:
    """A stray start may have paired a new identity there; the real keys come back all the same."""
    away(app)
    (app / "sessions").mkdir()
    (app / "sessions" / "creds.json").write_text("stray")
    with pytest.raises(StepFailedError, match="there again"):
        away(app)
    assert back(app)
    assert (app / "sessions" / "creds.json").read_text() == "{}"
    assert aside.listed(str(app)) == {ROLLOUT: ["sessions.stray"]}


def test_a_second_stray_is_kept_beside_the_first(app: Path) -> None:
    """A put back that was cut off after the first one, and a service started once more meanwhile."""
    away(app)
    for number in (1, 2, 3):
        (app / "sessions").mkdir()
        (app / "sessions" / "creds.json").write_text(f"stray {number}")
        assert back(app)
        away(app)
    assert back(app) is False
    place = app / ".set-aside" / ROLLOUT
    strays = {path.name: (path / "creds.json").read_text() for path in place.iterdir()}
    assert strays == {
        "sessions.stray": "stray 1",
        "sessions.stray.2": "stray 2",
        "sessions.stray.3": "stray 3",
    }
    assert (app / "sessions" / "creds.json").read_text() == "{}"


def test_a_restored_directory_never_takes_the_place_of_another(app: Path) -> None:
    """What appeared since it was looked for may be a service's newest keys, and it may go on writing."""
    with aside.opened(str(app), ROLLOUT, create=True) as (top, place):
        aside.away(top, place, "sessions", "sessions")
        (app / "sessions").mkdir()
        (app / "sessions" / "creds.json").write_text("new")
        with pytest.raises(FileExistsError):
            aside.back_alone(top, place, "sessions", "sessions")
        assert (app / "sessions" / "creds.json").read_text() == "new"
        assert exists(place, "sessions") and not exists(place, "sessions" + aside.STRAY)
        (app / "sessions").rename(app / "moved")
        aside.back_alone(top, place, "sessions", "sessions")
    assert (app / "sessions").is_dir()


def test_a_place_that_is_a_symlink_or_open_to_others_is_refused(app: Path, tmp_path: Path) -> None:
    """The service's user owns the application directory and could point the place elsewhere."""
    (app / ".set-aside").symlink_to(tmp_path)
    with pytest.raises(DirectoryProblem, match="cannot open"):
        away(app)
    (app / ".set-aside").unlink()
    (app / ".set-aside").mkdir(mode=0o755)
    with pytest.raises(StepFailedError, match="open to others"):
        away(app)
    assert (app / "sessions").is_dir()


def test_current_is_replaced_in_one_step_and_taken_away(app: Path) -> None:
    assert pointers.current_target(str(app)) is None
    pointers.point_current(str(app), "releases/1")
    pointers.point_current(str(app), "releases/2")
    assert pointers.current_target(str(app)) == "releases/2"
    pointers.point_current(str(app), None)
    pointers.point_current(str(app), None)
    assert pointers.current_target(str(app)) is None


def test_the_env_is_swapped_and_restored(app: Path, tmp_path: Path) -> None:
    live, staged, copy = app / ".env", app / ".env.next", tmp_path / "copy"
    live.write_text("A=1")
    staged.write_text("A=2")
    before = pointers.digest(pointers.read(live))
    with pytest.raises(StepFailedError, match="changed after it was judged"):
        pointers.put_env(str(live), str(staged), pointers.digest(b"A=3"), US)
    assert (live.read_text(), staged.read_text()) == ("A=1", "A=2")
    with pytest.raises(StepFailedError, match="changed after it was judged"):
        pointers.keep_env(str(live), pointers.digest(b"A=3"), pointers.digest(b"A=2"), US, copy)
    pointers.keep_env(str(live), before, pointers.digest(b"A=2"), US, copy)
    pointers.put_env(str(live), str(staged), pointers.digest(b"A=2"), US)
    assert (live.read_text(), staged.exists()) == ("A=2", False)
    assert (app / ".env.previous").stat().st_mode & 0o777 == 0o600
    pointers.restore_env(str(live), str(staged), before, US, copy)
    pointers.restore_env(str(live), str(staged), before, US, copy)
    assert (live.read_text(), staged.read_text()) == ("A=1", "A=2")


def test_an_env_that_can_not_be_restored_is_never_guessed(app: Path, tmp_path: Path) -> None:
    live, copy = app / ".env", tmp_path / "copy"
    live.write_text("A=2")
    pointers.previous(str(live)).write_text("A=other")
    with pytest.raises(StepFailedError, match="by hand"):
        pointers.restore_env(str(live), str(app / ".env.next"), pointers.digest(b"A=1"), US, copy)
    assert live.read_text() == "A=2"


def test_an_env_that_was_not_there_goes_again(app: Path) -> None:
    live, staged = app / ".env", app / ".env.next"
    staged.write_text("A=2")
    pointers.put_env(str(live), str(staged), pointers.digest(b"A=2"), US)
    pointers.restore_env(str(live), str(staged), None, US, app / "copy")
    assert (live.exists(), staged.read_text()) == (False, "A=2")


def test_a_private_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    os.umask(0o022)
    files.replace_file(tmp_path / "secret", b"x", 0o600, US)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_copy_follows_no_symlink(app: Path, tmp_path: Path) -> None:
    (app / "sessions" / "deep").mkdir()
    (app / "sessions" / "deep" / "key.json").write_text("12")
    copy = tmp_path / "state" / "copies" / ROLLOUT / "sessions"
    assert copies.make(str(app / "sessions"), copy) == 4
    assert (copy / "deep" / "key.json").read_text() == "12"
    assert copy.stat().st_mode & 0o077 == 0
    (app / "sessions" / "link").symlink_to("/etc/passwd")
    with pytest.raises(HostError, match="no regular file"):
        copies.make(str(app / "sessions"), copy)
    copies.forget(tmp_path / "state" / "copies", ROLLOUT)
    assert not copy.exists()


def test_a_copy_of_what_was_swapped_after_the_scan_ends(app: Path, tmp_path: Path) -> None:
    """A file of nothing but holes is all zeros in its copy: root's disk would be full."""
    with (app / "sessions" / ".pre-key-1.json.tmp").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(HostError, match="all holes"):
        copies.make(str(app / "sessions"), tmp_path / "copy")
    taken = sum(path.stat().st_blocks * 512 for path in (tmp_path / "copy").iterdir())
    assert taken < 1 << 20


def test_revisions_of_a_release_and_of_a_checkout(tmp_path: Path) -> None:
    commit = "a" * 40
    assert revision_of(f"/x/releases/{commit}", US) == commit
    git = tmp_path / ".git"
    git.mkdir()
    assert revision_of(str(tmp_path), US) is None
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs\n{commit} refs/heads/main\n")
    assert revision_of(str(tmp_path), US) == commit
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "main").write_text("b" * 40 + "\n")
    assert revision_of(str(tmp_path), US) == "b" * 40
    (git / "HEAD").write_text("c" * 40 + "\n")
    assert revision_of(str(tmp_path), US) == "c" * 40


def test_the_baileys_of_a_lock_file(tmp_path: Path) -> None:
    assert baileys_version(str(tmp_path), US) is None
    lock = '{"packages": {"": {}, "node_modules/@whiskeysockets/baileys": {"version": "7.0.0"}}}'
    (tmp_path / "package-lock.json").write_text(lock)
    assert baileys_version(str(tmp_path), US) == "7.0.0"


def test_output_survives_a_reader_that_does_not_read_and_one_that_left() -> None:
    """A controller that hangs must not hold up a switch while the service is stopped."""
    script = (
        "import time; from hostswitch.base import output; output.survive_controller(); "
        "start = time.monotonic(); "
        "[output.emit('x', text='y' * 3000) for _ in range(100)]; "
        "output.progress('gone'); "
        "open('/proc/self/fd/3', 'w').write(str(time.monotonic() - start))"
    )
    reading, writing = os.pipe()
    gone_reading, gone_writing = os.pipe()
    took_reading, took_writing = os.pipe()
    os.close(gone_reading)
    os.dup2(took_writing, 3) if took_writing != 3 else None
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdout=writing,
        stderr=gone_writing,
        pass_fds=[3],
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    assert float(os.read(took_reading, 100)) < 5
    os.close(reading)


def test_the_zipapp_is_reproducible_and_runs_from_memory(tmp_path: Path) -> None:
    """Unchanged it is not copied again; and preflight leaves no file on a host."""
    program = build_zipapp()
    assert program == build_zipapp()
    descriptor = os.memfd_create("hostswitch", 0)
    os.write(descriptor, program)
    memory = f"/proc/self/fd/{descriptor}"

    def shown(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-S", *arguments],  # -S: without what is installed here
            pass_fds=[descriptor],
            capture_output=True,
            check=True,
            cwd=tmp_path,
        ).stdout.decode()

    script = f"import sys; sys.path.insert(0, '{memory}'); import psycopg, sessionstore.database.connection"
    version, path = shown("-c", script + "; print(psycopg.__version__, psycopg.__file__)").split()
    assert version[0] == "3"
    assert path.startswith(memory)
    assert "exit codes" in shown(memory, "--help")
    assert "usage: baileys-hostswitch store stats" in shown(memory, "store", "stats", "--help")


def test_the_state_directory_is_private(tmp_path: Path) -> None:
    places = Places(tmp_path / "state")
    places.prepare()
    assert places.state.stat().st_mode & 0o777 == 0o700
