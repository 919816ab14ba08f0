"""The journal and the history keep what was written, whatever a power cut tears."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from hostswitch.base.errors import LockedError
from hostswitch.base.lock import held
from hostswitch.base.places import Places
from hostswitch.record.history import History
from hostswitch.record.journal import Journal, JournalError, read


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(Places(tmp_path, tmp_path))


@pytest.mark.parametrize("torn", [b'{"step": "stopped", "ma', b"{\n", b"\x00\x00\x00\n", b"\xff"])
def test_a_torn_last_line_is_dropped_and_written_over(
    tmp_path: Path, journal: Journal, torn: bytes
) -> None:
    """The act behind a torn intent has not begun; glued to the next line it would ruin both."""
    journal.mark("ready", "intent")
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes() + torn)
    assert [entry.instant for entry in read(path)] == ["intent:ready"]
    again = Journal(Places(tmp_path, tmp_path))
    again.mark("ready", "done", bytes=3)
    assert [entry.instant for entry in read(path)] == ["intent:ready", "done:ready"]
    assert read(path)[-1].data == {"bytes": 3}


def test_a_ruined_line_in_the_middle_is_refused(tmp_path: Path, journal: Journal) -> None:
    """Guessing around it could start the wrong version."""
    journal.mark("ready", "intent")
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(JournalError, match="no journal line"):
        read(path)


def test_the_journal_is_private(tmp_path: Path, journal: Journal) -> None:
    journal.mark("ready", "intent")
    assert (tmp_path / "journal.jsonl").stat().st_mode & 0o077 == 0


def test_a_drill_kills_right_after_its_line_and_only_once(tmp_path: Path) -> None:
    """The lab's fault tests rest on it."""
    drill, path = tmp_path / "die-at", tmp_path / "journal.jsonl"
    drill.write_text("done:ready\n")
    drill.chmod(0o600)
    child = os.fork()
    if child == 0:
        journal = Journal(Places(tmp_path, tmp_path))
        journal.mark("ready", "intent")
        journal.mark("ready", "done")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert [entry.instant for entry in read(path)] == ["intent:ready", "done:ready"]
    assert not drill.exists()


def test_a_drill_file_that_others_may_write_is_ignored(tmp_path: Path, journal: Journal) -> None:
    """Else any user could have the switch killed."""
    drill = tmp_path / "die-at"
    drill.write_text("intent:ready")
    drill.chmod(0o666)
    journal.mark("ready", "intent")
    assert drill.exists()


def test_history_survives_a_torn_line_and_a_repeated_close(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    first = history.add("switch", rollout_id="one")
    path.write_bytes(path.read_bytes() + b'{"event": "swi')
    history.add_once(first)
    second = history.add("switch", rollout_id="two")
    assert history.lines() == [first, second]


def test_a_second_holder_is_told_who_and_what(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held(path, "ada", "switch one"):
        second = held(path, "bob", "switch two")
        with pytest.raises(LockedError, match=r"switch one by ada since 20.* is at work") as caught:
            second.__enter__()
        assert caught.value.exit_code == 6
    with held(path, "bob", "switch two"):
        pass


def test_space_reserved_for_the_history_is_no_line_of_it(tmp_path: Path) -> None:
    """A switch reserves before it begins; a reader of the file must not find half a line there."""
    path = tmp_path / "history.jsonl"
    History(path).reserve()
    assert path.read_bytes() == b""
    History(path).add("switch", outcome="switched")
    History(path).reserve()
    History(path).add("verified", verified=True)
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == [
        "switch",
        "verified",
    ]


def test_every_line_is_on_the_disk_before_its_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    """After a power cut an act without its line would be put back by nobody."""
    synced: list[str] = []
    sync = os.fsync

    def watched(descriptor: int) -> None:
        sync(descriptor)
        synced.append(Path(f"/proc/self/fd/{descriptor}").read_text())

    monkeypatch.setattr(os, "fsync", watched)
    for step in ("ready", "stopped"):
        journal.mark(step, "intent")
        assert synced[-1:] == [(tmp_path / "journal.jsonl").read_text()]
        assert f'"step": "{step}"' in synced[-1]


def test_a_journal_torn_at_any_byte_is_that_of_the_lines_before(
    tmp_path: Path, journal: Journal
) -> None:
    marks = [("ready", "intent"), ("ready", "done"), ("stopped", "intent"), ("stopped", "stop")]
    for step, mark in marks:
        journal.mark(step, mark, number=1)
    path = tmp_path / "journal.jsonl"
    whole = path.read_bytes()
    ends = [number for number, byte in enumerate(whole, 1) if byte == ord("\n")]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        before = marks[: sum(end <= length for end in ends)]
        assert [(entry.step, entry.mark) for entry in read(path)] == before, length
    path.write_bytes(whole[: ends[2] - 5])
    Journal(Places(tmp_path, tmp_path)).mark("put-back", "intent")
    assert [entry.instant for entry in read(path)][1:] == ["done:ready", "intent:put-back"]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_any_line_but_the_last_that_is_ruined_is_refused(
    tmp_path: Path, journal: Journal, number: int
) -> None:
    """A line less could be the one that says that the import was activated."""
    for mark in ("intent", "copied", "done", "late"):
        journal.mark("ready", mark)
    path = tmp_path / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number] = lines[number][:20] + b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match=f"line {number + 1} of"):
        read(path)


def test_the_latest_of_several_lines_of_a_name_counts(journal: Journal) -> None:
    """A put back that was begun twice is judged by how it was begun last."""
    for number in range(3):
        journal.mark("put-back", "rows", pending=number)
    found = journal.last("put-back", "rows")
    assert found is not None and found.data == {"pending": 2}
