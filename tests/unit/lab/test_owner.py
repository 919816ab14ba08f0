"""Whose lab it is, and what a refusal tells the operator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.checkout import locks, owner
from lab.place import LabError, Place

RECORD = owner.Record("/theirs", "id-1")
USER = locks.Holder(4711, "/theirs", "make test")


@pytest.mark.parametrize(
    ("record", "lab_id", "user", "take_over", "verdict"),
    [
        (None, "id-2", None, True, "free"),
        (None, None, None, False, "free"),
        (RECORD, "id-1", None, False, "mine"),
        (RECORD, "id-1", USER, False, "mine"),
        (RECORD, "id-2", None, True, "take over"),
        (RECORD, None, None, True, "take over"),
        (RECORD, "id-2", None, False, "refuse"),
        (RECORD, "id-2", USER, True, "refuse"),
    ],
)
def test_decision(
    record: owner.Record | None,
    lab_id: str | None,
    user: locks.Holder | None,
    take_over: bool,
    verdict: owner.Verdict,
) -> None:
    """One's own always, another's only when nobody uses it and the caller wants it."""
    assert owner.decide(record, lab_id, user, take_over=take_over) == verdict


def test_a_refusal_names_the_lab_and_the_command_that_ends_it() -> None:
    """Whether somebody uses it or not."""
    assert "kill 4711" in str(owner.refusal(RECORD, USER))
    assert "/theirs && python -m lab down" in str(owner.refusal(RECORD, None))


def test_a_take_over_says_why(tmp_path: Path) -> None:
    """Gone, dead, or merely idle."""
    assert "gone" in owner.why_taken(RECORD, ["wa-1"])
    here = owner.Record(str(tmp_path), "id")
    assert "not running" in owner.why_taken(here, [])
    assert "ending wa-1" in owner.why_taken(here, ["wa-1"])


def test_the_record_survives_and_a_strange_one_is_still_somebodys(tmp_path: Path) -> None:
    """A lab of another version of this program must not be mistaken for none."""
    place = Place(checkout=tmp_path, state_parent=tmp_path)
    assert owner.read(place) is None
    owner.write(place, RECORD)
    owner.set_snapshot(place, Path("/cache/before-1"))
    assert owner.read(place) == owner.Record("/theirs", "id-1", "before-1")
    (place.state / "lab.json").write_text(json.dumps({"something": "else"}))
    strange = owner.read(place)
    assert strange is not None
    assert owner.decide(strange, None, None, take_over=False) == "refuse"
    owner.forget(place)
    assert owner.read(place) is None


def test_a_lock_dies_with_its_holder(tmp_path: Path) -> None:
    """SIGKILL included: no stale lock is ever to be removed by hand."""
    path = tmp_path / "command.lock"
    program = (
        "import sys, time; from pathlib import Path; from lab.checkout import locks\n"
        f"with locks.command(Path({str(path)!r}), Path('/theirs')):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    root = Path(__file__).resolve().parents[3]
    argv = [sys.executable, "-c", program]
    with subprocess.Popen(argv, cwd=root, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert locks.holder_of(path) == locks.Holder(child.pid, "/theirs", "-c")
        refused = pytest.raises(LabError, match=f"of /theirs .*kill {child.pid}")
        with refused, locks.command(path, Path("/mine")):
            pass
        child.kill()
        child.wait()
    with locks.command(path, Path("/mine")):
        assert locks.holder_of(path) == locks.Holder(os.getpid(), "/mine", " ".join(sys.argv))
    assert locks.holder_of(path) is None
