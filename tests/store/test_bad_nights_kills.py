"""SIGKILL anywhere between import and removal: no key is lost, and the next run ends it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sessionstore.database.connection import connect

from .night import SIGKILL, Night, at_step, ended, in_child

SOAK = bool(os.environ.get("ROLLOUT_SOAK"))
INSTANTS = 300 if SOAK else 6

# Each step's beginning and end; an unlink in the middle and the last ones.
STEPS = [
    ("scan.scan.scan_directory", "return", 1),
    ("importing.stage.stage", "call", 1),
    ("importing.stage._copy", "return", 1),
    ("importing.stage._copy", "return", 2),
    ("importing.stage.stage", "return", 1),
    ("importing.proof.prove", "return", 1),
    ("importing.states.activate", "call", 1),
    ("importing.states.activate", "return", 1),
    ("archive.create.create", "call", 1),
    ("archive.create._stream", "return", 1),
    ("archive.sealed.hash_on_disk", "return", 1),
    ("archive.sealed.write_file", "return", 1),
    ("archive.sealed.publish", "return", 1),
    ("archive.create.create", "return", 1),
    ("archive.sealed.verify_on_disk", "return", 1),
    ("removal.account.account", "return", 1),
    ("removal.remove._delete", "call", 1),
    ("removal.delete._unlink", "call", 1),
    ("removal.delete._unlink", "return", 20),
    ("removal.delete._place_on_disk", "return", 1),
    ("removal.remove.remove", "return", 1),
]


def die() -> None:
    """As by a power cut, without the power cut's page cache."""
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at(night: Night, step: tuple[str, str, int]) -> Callable[[], None]:
    """A run that dies at a step."""

    def work() -> None:
        at_step(*step, die)
        night.run()

    return work


@pytest.mark.parametrize("step", STEPS, ids=[f"{f}-{w}-{n}" for f, w, n in STEPS])
def test_killed_at_a_step(new_night: Callable[[], Night], step: tuple[str, str, int]) -> None:
    """Every key is in the database, in the archive or on the disk; the end is the same."""
    night = new_night()
    assert ended(in_child(killed_at(night, step))) == -SIGKILL, "the step was never reached"
    night.assert_converges()


def test_killed_at_random_instants(new_night: Callable[[], Night]) -> None:
    """Where nobody thought of; in the programs it calls as well."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    instants = random.Random(seed)
    night = new_night()
    started = time.monotonic()
    assert ended(in_child(night.run)) == 0
    usual = time.monotonic() - started
    night.assert_done()
    killed = 0
    for _ in range(10 * INSTANTS):
        if killed == INSTANTS:
            return
        night = new_night()
        child = in_child(night.run)
        time.sleep(instants.uniform(0, usual))
        os.kill(child, signal.SIGKILL)
        in_time = ended(child) == -SIGKILL
        killed += in_time
        # How long a run takes changes with what else runs on this machine.
        usual *= 1.02 if in_time else 0.9
        night.assert_converges()
    raise AssertionError(f"only {killed} of {10 * INSTANTS} runs were killed before they had ended")


def test_killed_again_and_again(new_night: Callable[[], Night]) -> None:
    """Each run gets a little further, or starts over; none undoes another's."""
    night = new_night()
    for step in STEPS:
        ended(in_child(killed_at(night, step)))
        assert not night.lost(), step
    night.assert_converges()


def test_two_operators_at_once(new_night: Callable[[], Night]) -> None:
    """Each ends well or is told; together they do it once."""
    for _ in range(30 if SOAK else 4):
        night = new_night()
        children = [in_child(night.run) for _ in range(3)]
        assert {ended(child) for child in children} <= {0, 1}
        night.assert_converges()


def test_the_clock_goes_back_a_year_in_between(
    new_night: Callable[[], Night], tmp_path: Path
) -> None:
    """The files are then of the future, for the database and for the next run."""
    night = new_night()
    assert ended(in_child(killed_at(night, ("importing.states.activate", "return", 1)))) == -SIGKILL
    future = time.time() + 365 * 86400
    for path in night.root.rglob("*"):
        os.utime(path, (future, future))
    night.assert_converges()


def test_a_clock_that_went_back_does_not_make_files_newer_than_rows(
    new_night: Callable[[], Night],
) -> None:
    """What was imported and has gone on since is told by the import's record, not by a host's clock."""
    night = new_night()
    assert ended(in_child(killed_at(night, ("importing.states.activate", "return", 1)))) == -SIGKILL
    with connect(night.settings) as conn:
        later = "UPDATE whatsapp_keys SET value = '[\"0\", \"9\"]' WHERE key_type = 'device-list'"
        assert conn.execute(later.encode()).rowcount == 1
    future = time.time() + 365 * 86400
    for path in night.root.rglob("*"):
        os.utime(path, (future, future))
    night.converge()
    assert not list(night.parent.iterdir())
    with connect(night.settings) as conn:
        rows = conn.execute("SELECT value FROM whatsapp_keys WHERE key_type = 'device-list'")
        assert rows.fetchall() == [(["0", "9"],)], "the older file came back"
    night.assert_canary()
