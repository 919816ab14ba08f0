"""Gate, removal, plan, dump and PM2's list: decisions that need no host."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from hostswitch.base import clock
from hostswitch.base.structured import PlanError
from hostswitch.database import connection
from hostswitch.decide import gate
from hostswitch.decide.due import DAY, judge
from hostswitch.decide.gate import Company, Expectation
from hostswitch.description.claims import Signalled
from hostswitch.description.provider import runs_on
from hostswitch.envfile import values
from hostswitch.plan import load
from hostswitch.pm2 import dump
from hostswitch.pm2.app import App
from hostswitch.record import history
from hostswitch.upkeep.remove import unrecorded
from sessionstore.judgement import activity
from sessionstore.judgement.activity import DATABASE

from ..kinds import description
from .plans import PLAN

COMPANY = {"provider": "postgres", "credentials": True, "keys": 1313, "connection": "open"}
EXPECTED = Expectation(
    {"1": Company(DATABASE, True, 1313)}, connected=True, flags={"LOG_LEVEL": "info"}
)
SIGNALS = description("lab").signals
STATUS = {"pid": 7, "companies": {"1": COMPANY}, "flags": {"LOG_LEVEL": "info"}}


def test_a_good_status_has_no_problems() -> None:
    assert gate.problems(SIGNALS, Signalled(STATUS), EXPECTED) == []


@pytest.mark.parametrize(
    "status",
    [
        None,
        [],
        {},
        {"companies": []},
        {"companies": {"1": None}},
        *(
            {**STATUS, "companies": {"1": {**COMPANY, **wrong}}}
            for wrong in (
                {"provider": "files"},
                {"credentials": False},
                {"credentials": "yes"},
                {"keys": 1312},
                {"keys": None},
                {"keys": "many"},
                {"connection": "connecting"},
            )
        ),
        {**STATUS, "flags": {"LOG_LEVEL": "debug"}},
    ],
)
def test_anything_less_is_not_healthy(status: Any) -> None:
    """A gate that is lenient declares a service healthy that lost its keys."""
    assert gate.problems(SIGNALS, Signalled(status), EXPECTED)


def test_a_process_must_stay_the_same_one() -> None:
    """PM2 shows a crash loop as online most of the time; only pid and restarts tell."""
    first = App("app", 7, "online", 0)
    assert gate.process_problems(first, first) == []
    for now in (
        None,
        App("app", 8, "online", 0),
        App("app", 7, "online", 1),
        App("app", 7, "stopping", 0),
        App("app", 0, "errored", 3),
    ):
        assert gate.process_problems(now, first)


def switch(outcome: str, at: float, rollout_id: str = "one") -> dict[str, Any]:
    return {"event": "switch", "rollout_id": rollout_id, "outcome": outcome, "at": clock.text(at)}


def token(good: bool, rollout_id: str = "now") -> dict[str, Any]:
    return {"event": "verified", "verified": good, "rollout_id": rollout_id}


@pytest.mark.parametrize(
    ("lines", "now", "due", "why"),
    [
        ([], 99 * DAY, False, "no switch"),
        ([switch("switched", 0)], 99 * DAY, False, "waiting for verification"),
        ([switch("switched", 0), token(True)], 10 * DAY, False, "removal due 1970-01-12"),
        ([switch("switched", 0), token(True)], 11 * DAY, True, "due"),
        ([switch("switched", 0), token(True, "one")], 99 * DAY, False, "waiting for verification"),
        ([switch("switched", 0), token(True), token(False)], 99 * DAY, False, "verification"),
        (
            [switch("switched", 0), token(True), switch("put back", 5, "two")],
            99 * DAY,
            False,
            "healthy",
        ),
        (
            [switch("switched", 0), token(True), switch("switched", 5, "two")],
            99 * DAY,
            False,
            "waiting for verification",
        ),
        ([switch("left stopped", 0), token(True)], 99 * DAY, False, "healthy"),
        (
            [switch("left stopped", 0), switch("switched", DAY, "two"), token(True)],
            11 * DAY,
            False,
            "removal due",
        ),
        (
            [switch("left stopped", 0), switch("switched", DAY, "two"), token(True)],
            12 * DAY,
            True,
            "due",
        ),
    ],
)
def test_removal_is_due_only_with_positive_evidence(
    lines: list[dict[str, Any]], now: float, due: bool, why: str
) -> None:
    """Deleting on less would leave no way back from a switch that only looked good."""
    found = judge(lines, "one", 11, now, "now")
    assert found.due is due
    assert why in found.why


def test_a_plan_is_read_and_masks_its_password() -> None:
    plan = load(json.dumps(PLAN))
    assert plan.legacy_directories[0].name == "a__b"
    assert plan.database.settings()["password"] == "hunter2"
    assert "hunter2" not in repr(plan)


def test_all_mistakes_of_a_plan_come_at_once() -> None:
    wrong = {
        **PLAN,
        "release": "/elsewhere",
        "companies": "962302",
        "colour": "red",
        "gate": {**PLAN["gate"], "status_url": "http://example.org/", "limit": 3},
        "legacy_directories": [{"path": "../etc", "kind": "dead", "acknowledge": None}],
    }
    with pytest.raises(PlanError) as caught:
        load(json.dumps(wrong))
    for name in ("release", "companies", "colour", "status_url", "gate.limit", "path", "kind"):
        assert name in str(caught.value)


def test_a_plan_that_was_kept_is_the_plan_that_came() -> None:
    """Whoever ends a switch that was cut off has no other."""
    legacy = [
        {"path": "a", "kind": "live", "litter": ["*.tmp"], "acknowledge": {"reason": "old"}},
        {"path": "b", "kind": "backup", "companies": {".": "1"}},
    ]
    plan = load(json.dumps({**PLAN, "legacy_directories": legacy, "backup": None}))
    assert load(json.dumps(asdict(plan))) == plan
    for name in ("version", "database", "legacy_directories", "kill_timeout_ms"):
        with pytest.raises(PlanError, match=rf"plan\.{name} must be"):
            load(json.dumps({**PLAN, name: None}))


def test_a_plan_that_leaves_its_directory_is_refused() -> None:
    for path in ("/etc", "a/../b", "./a", "a//b", "", "."):
        legacy = [{"path": path, "kind": "live", "acknowledge": None}]
        with pytest.raises(PlanError):
            load(json.dumps({**PLAN, "legacy_directories": legacy}))


def test_putting_a_dump_back_leaves_other_apps_alone() -> None:
    other, old, new = {"name": "api"}, {"name": "app", "v": 1}, {"name": "app", "v": 2}
    worker = {"name": "worker"}
    names = ("app", "worker")
    assert dump.merged([other, new, worker], [old, other], names) == [other, old]


def test_env_files_are_read_as_dotenv_reads_them() -> None:
    content = b"A=1\nexport B = two words # c\nC=\"x\\ny\"\nD='#'\nE=\n#F=1\nA=3\r\nG=a=b\n"
    assert values.parse(content) == {
        "A": "3",
        "B": "two words",
        "C": "x\ny",
        "D": "#",
        "E": "",
        "G": "a=b",
    }


def test_secret_differences_show_names_only() -> None:
    found = values.differences({"A": "1", "P": "old"}, {"A": "2", "P": "new"}, {"A"}, {"A"})
    assert [str(one) for one in found] == ["A: '1' -> '2'", "P (value not shown)"]
    assert found[1].as_json() == {"name": "P", "from": "***", "to": "***"}


def test_what_was_a_secret_until_now_is_not_shown() -> None:
    """A name that leaves the declared secrets has its new value in plain: the old one still opens
    something, and the report, the journal and the history would keep it."""
    found = values.differences(
        {"TOKEN": "hunter2", "HOST": "a"},
        {"TOKEN": "public", "HOST": "b", "NEW": "c"},
        {"TOKEN", "HOST", "NEW"},
        {"HOST"},
    )
    assert [str(one) for one in found] == [
        "HOST: 'a' -> 'b'",
        "NEW: not set -> 'c'",
        "TOKEN: *** -> 'public'",
    ]
    assert [one.as_json()["from"] for one in found] == ["a", None, "***"]
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("after", "open_still"),
    [
        ([], True),
        ([{"event": "removed", "directories": [{"set_aside_by": "r", "name": "a__b"}]}], False),
        ([{"event": "not removed", "directories": [{"set_aside_by": "r", "name": "a__b"}]}], False),
        ([{"event": "restored", "set_aside_by": "r", "name": "a/b", "archive": None}], False),
        ([{"event": "restored", "set_aside_by": "q", "name": "a/b", "archive": None}], True),
    ],
)
def test_only_a_removal_without_an_end_can_be_claimed_later(
    after: list[dict[str, Any]], open_still: bool
) -> None:
    """A directory that was refused or put back is missing for another reason than removal."""
    begun = {"event": "removing", "directories": [{"set_aside_by": "r", "name": "a__b"}]}
    assert bool(unrecorded([begun, *after])) == open_still
    assert unrecorded([begun, *after, begun])


def test_only_a_positive_token_is_recorded() -> None:
    assert history.verification('{"rollout_id": "a", "verified": true, "passed": 3}')["passed"] == 3
    for text in (
        "",
        "[]",
        '{"verified": "yes", "rollout_id": "a"}',
        '{"verified": true}',
        '{"verified": true, "rollout_id": "a", "event": "switch"}',
    ):
        with pytest.raises(PlanError):
            history.verification(text)


def test_seconds_across_a_boot_are_measured_by_the_wall_clock() -> None:
    start = clock.Moment(1000.0, 50.0, "a")
    assert clock.elapsed(start, clock.Moment(2000.0, 51.5, "a")) == (1.5, "monotonic")
    assert clock.elapsed(start, replace(start, wall=1030.0, boot="b")) == (30.0, "wall")


ON_FILES = {"USE_REPOSITORY_PATTERN": "false", "USE_LEGACY_SUPABASE": "false"}
ON_POSTGRES = {"USE_REPOSITORY_PATTERN": "true", "USE_LEGACY_SUPABASE": "false"}
BOTH = {"USE_REPOSITORY_PATTERN": "true", "USE_LEGACY_SUPABASE": "true"}


@pytest.mark.parametrize(
    ("file", "process", "expected"),
    [
        (ON_POSTGRES, {}, activity.DATABASE),
        (ON_POSTGRES, None, activity.UNKNOWN),
        (ON_POSTGRES, ON_FILES, activity.FILES),
        (ON_POSTGRES, {"USE_LEGACY_SUPABASE": "true"}, activity.UNKNOWN),
        (ON_FILES, {}, activity.FILES),
        (ON_FILES, None, activity.FILES),
        (ON_FILES, ON_POSTGRES, activity.FILES),
        ({}, {}, activity.UNKNOWN),
        (BOTH, {}, activity.UNKNOWN),
        (None, ON_POSTGRES, activity.UNKNOWN),
    ],
)
def test_what_the_service_runs_on(
    file: dict[str, str] | None, process: dict[str, str] | None, expected: str
) -> None:
    """Its next start counts like its process: on files in either, those don't go from under it."""
    assert runs_on(description("lab").provider, file, process) == expected


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (None, None),
        (0.0, None),
        (300.0, None),
        (-300.0, None),
        (300.1, "300 s ahead of"),
        (-3600.0, "3,600 s behind"),
        (31_536_000.0, "31,536,000 s ahead of"),
    ],
)
def test_clocks_that_disagree_are_refused(ahead: float | None, told: str | None) -> None:
    """ "The row was written later than the file" is then said of two different times."""
    found = connection.clock_refusals(ahead)
    assert bool(found) == (told is not None)
    for one in found:
        assert str(told) in one.what and "timedatectl set-ntp true" in one.remedy
