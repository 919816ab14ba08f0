"""What somebody does to a directory while it is being deleted: it stops, says where, and goes on later."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sessionstore.archive import create
from sessionstore.archive.manifest import Manifest
from sessionstore.archive.sealed import verify_on_disk
from sessionstore.database.connection import connect
from sessionstore.disk.opening import closing, open_directory
from sessionstore.errors import LockHeld, Refused, StoreError
from sessionstore.removal import remove

from .night import SIGKILL, Night, at_deletion, ended, in_child
from .session_files import COMPANY

NewNight = Callable[[], Night]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look into /proc")
NEW = "pre-key-900.json"
# Credentials are deleted last, so at the fifth file they are still there.
LAST = "creds.json"


def told(night: Night, act: Callable[[Path], object]) -> str:
    """A run that somebody interferes with at the fifth file; gives the error with its reasons."""
    heard = night.place / "heard"

    def work() -> None:
        at_deletion(5, lambda: act(night.half / f"company_{COMPANY}"))
        try:
            night.run()
        except StoreError as error:
            heard.write_text(f"{error} {getattr(error, 'reasons', ())}")
            raise

    assert ended(in_child(work)) == 1, "it was not stopped"
    return heard.read_text()


def grow(company: Path) -> None:
    with (company / LAST).open("a") as file:
        file.write(" ")


def plant(company: Path) -> None:
    (company / NEW).write_text("{}")


def replace_by_fifo(company: Path) -> None:
    (company / LAST).unlink()
    os.mkfifo(company / LAST)


@pytest.mark.parametrize(
    ("act", "name", "again"),
    [
        (grow, LAST, "changed since it was archived"),
        (plant, NEW, "not in the archive"),
        (replace_by_fifo, LAST, "FIFO"),
    ],
)
def test_what_changed_stays_and_is_named(
    new_night: NewNight, act: Callable[[Path], None], name: str, again: str
) -> None:
    """It may be the newest key that the customer has."""
    night = new_night()
    said = told(night, act)
    assert name in said, said
    company = night.half / f"company_{COMPANY}"
    assert os.path.lexists(company / name)
    with pytest.raises(Refused, match=again):
        night.run()
    (company / name).rename(night.place / "kept-by-the-operator")
    night.converge()
    night.assert_done()


def test_a_further_name_of_a_file_is_noticed(new_night: NewNight) -> None:
    """Somebody keeps the file: it is deleted only by a run that knew of the other name."""
    night = new_night()
    said = told(night, lambda company: os.link(company / LAST, night.place / "kept"))
    assert LAST in said
    night.assert_converges()
    assert (night.place / "kept").read_bytes() == night.files[f"company_{COMPANY}/{LAST}"]


def test_something_is_mounted_there_meanwhile(new_night: NewNight) -> None:
    """The same names in another file system: not one of them is touched."""
    night = new_night()
    company = night.half / f"company_{COMPANY}"
    try:
        said = told(
            night,
            lambda place: subprocess.run(["mount", "--bind", night.canary, place], check=True),
        )
        assert COMPANY in said
        night.assert_canary()
        with pytest.raises(Refused, match="mounted there"):
            night.run()
    finally:
        subprocess.run(["umount", company], check=True)
    night.assert_canary()
    night.assert_converges()


def test_the_directory_appears_again_while_it_is_removed(new_night: NewNight) -> None:
    """A service that was started writes a new pairing under the old name."""
    night = new_night()
    new = night.root / f"company_{COMPANY}" / LAST

    def start_then_die(_: Path) -> None:
        new.parent.mkdir(parents=True)
        new.write_text("a new pairing")
        os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        at_deletion(5, lambda: start_then_die(night.half))
        night.run()

    assert ended(in_child(work)) == -SIGKILL
    with connect(night.settings) as conn, pytest.raises(Refused, match="both") as both:
        night._remove(conn)
    assert night.half.is_dir() and new.read_text() == "a new pairing"
    assert both.value.remedy
    night.root.rename(night.place / "kept-by-the-operator")
    night.assert_converges()


def test_a_second_removal_keeps_away(new_night: NewNight) -> None:
    """Two operators: each would take for somebody's interference what the other one deletes."""
    night = new_night()
    manifests: list[Manifest] = []

    def another_one_too(parent: int) -> tuple[str, ...]:
        with pytest.raises(LockHeld, match="another run"):
            remove.remove(parent, night.root.name, manifest=manifests[0], objections=lambda *_: ())
        return ("tried",)

    with closing(open_directory(str(night.root))) as fd:
        made = create.create(fd, str(night.out), night.root.name, [night.identity[1]])
    manifests.append(verify_on_disk(made.archive, made.manifest))
    with (
        closing(open_directory(str(night.parent))) as parent,
        pytest.raises(Refused, match="tried"),
    ):
        remove.remove(
            parent,
            night.root.name,
            manifest=manifests[0],
            objections=lambda *_: another_one_too(parent),
        )
    night.assert_converges()
