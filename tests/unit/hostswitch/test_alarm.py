"""The alarm rings whatever its text is, and is on record; a ruined journal, plan or history is told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hostswitch import cli
from hostswitch import host as hostswitch_host
from hostswitch.base.places import Places
from hostswitch.host import Host
from hostswitch.plan import load
from hostswitch.record.history import History

from .open_switch import open_switch
from .plans import PLAN


def host_with(place: Path, *command: str) -> Host:
    places = Places(place / "state", place / "run")
    places.prepare()
    return Host(replace(load(json.dumps(PLAN)), alarm_command=command or None), places)


@pytest.mark.parametrize(
    "hostile",
    ["connection: \ud800", "\x1b[2J\x07", "x" * 5_000_000, "\0", "\u202e\U000e0001", "é\n→"],
    ids=["surrogate", "escapes", "megabytes", "NUL", "direction", "words"],
)
def test_the_alarm_rings_with_any_text(tmp_path: Path, hostile: str) -> None:
    """One such character in a status answer kept it from ringing while the service was down."""
    rung = tmp_path / "rung"
    host = host_with(tmp_path, "sh", "-c", f"cat > {rung}")
    host.alarm(f"the service is left stopped: {hostile}")
    text = rung.read_text()
    assert text.startswith("the service is left stopped: ")
    assert len(text) < 10_000
    assert all(line.isprintable() for line in text.split("\n"))
    (line,) = host.history.lines()
    assert (line["event"], line["outcome"], line["why"]) == ("alarm", "rung", text)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (("/nonexistent",), "No such file"),
        (("false",), "exit code 1"),
        (("sleep", "60"), "took"),
        (("a\0b",), "null byte"),
        ((), "alarm_command is not set"),
    ],
    ids=["missing", "failing", "hanging", "impossible", "none"],
)
def test_an_alarm_that_did_not_ring_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], problem: str
) -> None:
    """Nobody was told: whoever looks at the host next must see that."""
    monkeypatch.setattr(hostswitch_host, "_ALARM_SECONDS", 0.2)
    host = host_with(tmp_path, *command)
    host.alarm("left stopped")
    (line,) = host.history.lines()
    assert problem in line["outcome"] and line["why"] == "left stopped"


def test_an_alarm_that_can_not_be_recorded_rings(tmp_path: Path) -> None:
    host = host_with(tmp_path, "sh", "-c", f"cat > {tmp_path / 'rung'}")
    host.places.history.mkdir()
    host.alarm("left stopped")
    assert (tmp_path / "rung").read_text() == "left stopped"


RUINS = (
    b"\xff\xfe\n",
    b"\x00\x00\n",
    b"[1]\n",
    b'{"step": "stopped"}\n',
    b'{"wall": {}}\n',
    b"\r\n",
)


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The program sets its own."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def in_the_middle(ruin: bytes) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        first, _, rest = path.read_bytes().partition(b"\n")
        path.write_bytes(first + b"\n" + ruin + rest)

    return harm


@pytest.mark.parametrize("ruin", RUINS)
@pytest.mark.parametrize("command", ["resume", "status"])
def test_a_ruined_journal_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], ruin: bytes, command: str
) -> None:
    """In one sentence with the way on, and by `status` too, to which other sentences send."""
    places = open_switch(tmp_path, closed=False)
    in_the_middle(ruin)(places.journal)
    code = cli.main(["--state", str(places.state), "--run", str(places.run), command])
    told = capfd.readouterr()
    sentence = f"line 2 of {places.journal} is no journal line"
    assert sentence in told.out and f"mv {places.journal}" in told.out
    assert "Traceback" not in told.err
    assert code == (0 if command == "status" else 1)


@pytest.mark.parametrize("ruin", [b"\xff\xfe", b'{"versi', b"[]", b""])
def test_a_ruined_plan_of_an_open_switch_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], ruin: bytes
) -> None:
    places = open_switch(tmp_path, closed=False)
    places.plan.write_bytes(ruin)
    code = cli.main(["--state", str(places.state), "--run", str(places.run), "resume"])
    assert code == 1
    assert f"{places.plan} is ruined" in capfd.readouterr().out


@pytest.mark.parametrize("ruin", RUINS)
def test_a_ruined_line_of_the_history_is_skipped(tmp_path: Path, ruin: bytes) -> None:
    """The other lines are still what every later run rests on."""
    history = History(tmp_path / "history.jsonl")
    lines = [history.add("switch", rollout_id="one"), history.add("switch", rollout_id="two")]
    in_the_middle(ruin)(tmp_path / "history.jsonl")
    assert history.lines() == lines
