"""The pure judgements behind the host checks: absence, removal dates, masking, `.env`, log lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from hostswitch.envfile.dotenv import assignments
from hostswitch.record.history import lines_of

from ...host.support import service_signals
from ...host.support.absence import Evidence, explanation
from ...host.support.legacy import removal
from ...host.support.reporting import mask

ROLLOUT = "20261122T140000Z-3fa2"
SWITCH = {
    "event": "switch",
    "at": "2026-11-22T14:05:00.000Z",
    "rollout_id": ROLLOUT,
    "outcome": "switched",
}
VERIFIED = {"event": "verified", "at": "2026-11-22T14:06:00.000Z", "verified": True}
NEXT_DAY = datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key_type", "key_id", "moved_on", "explained"),
    [
        ("pre-key", "7", True, True),
        ("pre-key", "7", False, False),
        ("pre-key", "31", True, False),
        ("session", "491700000001.3", True, True),
        ("session", "491700000002.0", True, False),
        ("app-state-sync-key", "AAAAAA/5", True, False),
        ("sender-key", "1-2@g.us::3::0", True, False),
    ],
)
def test_absence(key_type: str, key_id: str, moved_on: bool, explained: bool) -> None:
    """Only what Baileys itself deletes is explained, and only with evidence."""
    evidence = Evidence(
        credentials_moved_on=moved_on,
        first_unuploaded_pre_key=31,
        lid_of={"491700000001": "98765", "491700000002": "98766"},
        sessions={"98765_1.3"},
    )
    assert (explanation(key_type, key_id, evidence) is not None) is explained


@pytest.mark.parametrize(
    ("lines", "days", "due"),
    [
        ([], 0, False),
        ([SWITCH], 0, False),
        ([SWITCH, VERIFIED], 0, True),
        ([SWITCH, {**VERIFIED, "verified": False}], 0, False),
        ([SWITCH, VERIFIED, {**VERIFIED, "verified": False}], 0, False),
        ([SWITCH, VERIFIED], 1, True),
        ([SWITCH, VERIFIED], 2, False),
        ([{**SWITCH, "outcome": "put back"}, VERIFIED], 0, False),
        ([SWITCH, VERIFIED, {**SWITCH, "rollout_id": "later"}], 0, False),
        ([SWITCH, VERIFIED, {**SWITCH, "rollout_id": "later"}, VERIFIED], 0, True),
    ],
)
def test_removal_is_due(lines: list[dict[str, Any]], days: int, due: bool) -> None:
    """Nothing counts as overdue before a healthy switch, its days and its verification."""
    assert removal(lines, ROLLOUT, days, NEXT_DAY).due is due


def test_torn_history_lines_are_passed_over() -> None:
    """A power cut leaves half a line, which must not end every later verification."""
    assert lines_of(b'{"event": "switch"}\n{"event": "ver') == [{"event": "switch"}]


def test_masking() -> None:
    """Declared secrets, printed Buffers and keys in base64 never reach a message."""
    key = "A" * 43 + "="
    text = f"pw hunter2! and <Buffer 05 aa ff ... 3 more bytes> and {key}; commit {'0a' * 20}"
    assert mask(text, ["hunter2!"]) == (
        f"pw ******** and ******** and ********; commit {'0a' * 20}"
    )


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=value", "value"),
        ("export NAME=value", "value"),
        ("NAME = value # note", "value"),
        ('NAME="a # b"', "a # b"),
        ("NAME='a\\nb'", "a\\nb"),
        ('NAME="a\\nb"', "a\nb"),
        ("NAME=", ""),
    ],
)
def test_dotenv(line: str, value: str) -> None:
    """A `.env` is read as the service's own library reads it."""
    assert [one.value for one in assignments(f"# comment\n{line}\n")] == [value]


def test_dotenv_keeps_every_value() -> None:
    """A name that stands twice is seen twice."""
    assert [(one.name, one.value) for one in assignments("A=1\nA=2\n")] == [("A", "1"), ("A", "2")]


def test_log_since_the_last_start() -> None:
    """What an earlier start wrote proves nothing about this one."""
    earlier = '{"msg":"Auth state provider: PostgreSQL"}\n{"msg":"Bad MAC"}\n'
    latest = '{"msg":"Auth state provider: files"}\n'
    start = "Auth state provider: "
    assert service_signals.since_last_start(earlier + latest, start) == latest
    assert service_signals.since_last_start("nothing of it", start) == ""
    assert service_signals.ratchet_errors(earlier) == 1
