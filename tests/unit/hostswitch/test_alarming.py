"""Log lines that tell of lost keys: a rise fails the gate, a service's daily noise does not."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hostswitch.decide import lost_keys
from hostswitch.decide.lost_keys import Rate
from hostswitch.service import logs

NOW = 1_800_000_000.0
BAD = b"Session error:Error: Bad MAC Error: Bad MAC\n"

US = (os.geteuid(), os.getegid())


def iso(seconds_ago: float) -> bytes:
    moment = datetime.fromtimestamp(NOW - seconds_ago, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def pino(seconds_ago: float) -> bytes:
    return b'{"level":30,"time":%d,"msg":"x"}' % ((NOW - seconds_ago) * 1000)


def test_lines_are_counted_not_words() -> None:
    log = b"ok\nSessionError: No session record\n" + BAD + b"Invalid PreKey ID\nConnected\n"
    assert lost_keys.count(log) == 3


@pytest.mark.parametrize("stamp", [iso, pino])
def test_only_the_last_hour_counts_where_lines_carry_a_time(stamp: type) -> None:
    """A bad night last week must not excuse lost keys today."""
    log = b"".join(stamp(ago) + b"\n" + BAD for ago in (90_000, 80_000, 1800, 60))
    assert lost_keys.before(log, NOW, None) == Rate(2, 60.0)
    assert lost_keys.before(stamp(600) + b"\n" + BAD, NOW, None) == Rate(1, 10.0)


def test_without_times_the_age_of_the_file_tells_and_else_nothing_is_known() -> None:
    assert lost_keys.before(BAD * 5, NOW, NOW - 600) == Rate(5, 10.0)
    assert lost_keys.before(BAD * 5, NOW, None) == Rate(5, None)


@pytest.mark.parametrize(
    ("before", "minutes", "most"),
    [
        (Rate(0, 60.0), 1.0, 0),
        (Rate(9, None), 1.0, 0),
        (Rate(1, 60.0), 0.2, 0),
        (Rate(120, 60.0), 1 / 6, 2),
        (Rate(3600, 60.0), 1 / 6, 18),
        (Rate(360_000, 60.0), 1 / 6, 1074),
    ],
)
def test_no_rise_is_what_chance_brings(before: Rate, minutes: float, most: int) -> None:
    """Too lenient, and a ratchet that went back is called healthy; too strict, and noise stops a service."""
    assert lost_keys.allowed(before, minutes) == most


def test_a_log_that_was_quiet_fails_on_its_first_line(tmp_path: Path) -> None:
    """Another log that PM2 takes up again for the new version may hold last year's lines."""
    (tmp_path / "logs").mkdir()
    old, new = tmp_path / "logs" / "app-error.log", tmp_path / "logs" / "app-error-1.log"
    old.write_bytes(b"all well\n")
    new.write_bytes(BAD * 9)
    before = logs.rate([str(old)], US)
    sizes = logs.sizes([str(old)], tmp_path, US)
    assert before.lines == 0
    assert not logs.compare([str(new)], before, sizes, 0.1, US).risen
    new.write_bytes(new.read_bytes() + BAD)
    compared = logs.compare([str(new)], before, sizes, 0.1, US)
    assert compared.risen
    assert compared.as_json()["after"] == {"lines": 1, "minutes": 0.1}


def test_a_planted_fifo_or_link_neither_hangs_nor_counts(tmp_path: Path) -> None:
    """The service's user owns the log directory; root reads it."""
    real = tmp_path / "real"
    real.write_bytes(BAD)
    fifo, link = tmp_path / "fifo", tmp_path / "link"
    os.mkfifo(fifo)
    link.symlink_to(real)
    for path in (str(fifo), str(link)):
        assert logs.rate([path], US) == Rate(0, None)
        compared = logs.compare([path], Rate(0, None), {}, 1.0, US)
        assert compared.unread
        assert not compared.risen


def test_logs_without_end_are_looked_through_to_a_limit_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one for all of them: their user may list a thousand, while the service is down."""
    monkeypatch.setattr(logs, "_AFTER_BYTES", len(BAD) * 3)
    paths = [str(tmp_path / name) for name in "abc"]
    for path in paths:
        Path(path).write_bytes(BAD * 2)
    compared = logs.compare(paths, Rate(0, None), {}, 1.0, US)
    assert compared.after.lines == 3
    assert [one.split(":")[0] for one in compared.unread] == paths[1:]
