"""What becomes of a directory: one row a rule."""

from __future__ import annotations

from typing import Any

import pytest

from sessionstore.disk.holders import Holder
from sessionstore.judgement.activity import (
    DATABASE,
    DECLARABLE,
    FILES,
    NOT_KNOWN,
    STOPPED,
    UNKNOWN,
    Activity,
    evidence,
    obstacles,
)
from sessionstore.judgement.directory import (
    BACKUP,
    LIVE,
    TEST,
    CompanyFacts,
    DirectoryDecision,
    decide,
)
from sessionstore.judgement.file import ARCHIVED, UNEXPLAINED, Disposition
from sessionstore.judgement.lineage import ABSENT, ANOTHER, FILE_AHEAD, SAME, Verdict


def facts(**changes: Any) -> CompanyFacts:
    """A company directory of ten files, all equal."""
    given: dict[str, Any] = {
        "directory": "company_9",
        "company_id": "9",
        "verdict": Verdict(SAME, ""),
        "known": True,
        "files": 10,
        "unregistered": False,
        "dispositions": (),
        "equal": 10,
    }
    return CompanyFacts(**{**given, **changes})


QUIET = Activity(STOPPED)


def decided(
    kind: str,
    companies: Any,
    others: Any = (),
    blocking: Any = (),
    acknowledge: Any = None,
    *,
    activity: Activity = QUIET,
) -> DirectoryDecision:
    """The decision, of a service that is stopped if the row says nothing of it."""
    return decide(kind, companies, others, blocking, acknowledge, activity=activity)


BAD = Disposition("company_9/session-1.0.json", UNEXPLAINED, "not in the database")
KEPT = Disposition("company_9/session-1.0.json", ARCHIVED, "not in the database")
NOT_THERE = facts(known=False, verdict=Verdict(ABSENT, "absent"))
OTHER = facts(verdict=Verdict(ANOTHER, "another pairing"))
AHEAD = facts(verdict=Verdict(FILE_AHEAD, "nextPreKeyId"))
NO_CREDS = facts(verdict=None)
NEVER_PAIRED = facts(verdict=None, unregistered=True, known=False)
YES = {"reason": "an old test", "identities": True, "companies": []}
NAMED = {"reason": "closed in 2024", "identities": False, "companies": ["9"]}
DECIDED = [
    ("live, all equal", LIVE, [facts()], [], None, True),
    ("live, empty", LIVE, [], [], None, True),
    ("live, one unexplained", LIVE, [facts(dispositions=(BAD,))], [], None, False),
    ("live, unexplained acknowledged", LIVE, [facts(dispositions=(BAD,))], [], YES, False),
    ("live, artefact", LIVE, [facts(dispositions=(KEPT,))], [], None, True),
    ("live, unknown file beside", LIVE, [facts()], [BAD], None, False),
    ("live, company unknown", LIVE, [NOT_THERE], [], YES, False),
    ("live, another identity", LIVE, [OTHER], [], YES, False),
    ("live, file ahead", LIVE, [AHEAD], [], YES, False),
    ("live, no credentials", LIVE, [NO_CREDS], [], None, False),
    ("backup, equal", BACKUP, [facts()], [], None, True),
    ("backup, more than the database", BACKUP, [facts(dispositions=(KEPT,))], [], None, True),
    ("backup, company unknown", BACKUP, [NOT_THERE], [], None, False),
    ("backup, company acknowledged", BACKUP, [NOT_THERE], [], NAMED, True),
    (
        "backup, other company acknowledged",
        BACKUP,
        [NOT_THERE],
        [],
        {**NAMED, "companies": ["8"]},
        False,
    ),
    ("backup, identity", BACKUP, [OTHER], [], None, False),
    ("backup, identity acknowledged", BACKUP, [OTHER], [], YES, True),
    ("backup, no reason given", BACKUP, [OTHER], [], {**YES, "reason": " "}, False),
    ("backup, truthy is not true", BACKUP, [OTHER], [], {**YES, "identities": "yes"}, False),
    ("backup, no credentials", BACKUP, [NO_CREDS], [], None, False),
    ("backup, ahead", BACKUP, [AHEAD], [], YES, False),
    ("backup, empty company", BACKUP, [facts(known=False, verdict=None, files=0)], [], None, True),
    ("test, never paired", TEST, [NEVER_PAIRED], [], None, True),
    ("live, never paired", LIVE, [NEVER_PAIRED], [], None, False),
    ("test, unknown acknowledged", TEST, [NOT_THERE], [], YES, True),
    ("undeclared kind", "other", [], [], None, False),
]


@pytest.mark.parametrize(
    ("kind", "companies", "others", "acknowledge", "removable"),
    [case[1:] for case in DECIDED],
    ids=[case[0] for case in DECIDED],
)
def test_directories(
    kind: str, companies: Any, others: Any, acknowledge: Any, removable: bool
) -> None:
    """A live directory is accounted for file by file, others are archived and acknowledged."""
    decision = decided(kind, companies, others, [], acknowledge)
    assert decision.removable == removable, decision.reasons
    assert removable or decision.reasons


def test_why_a_live_directory_is_blocked_is_the_true_reason() -> None:
    """Told that the database lacks a company that it has, an operator would import it again."""
    for company, words in (
        (NOT_THERE, "does not know company 9"),
        (NO_CREDS, "without usable credentials"),
        (facts(verdict=Verdict(ABSENT, "the row can't be read")), "the row can't be read"),
        (OTHER, "another pairing"),
    ):
        assert words in decided(LIVE, [company]).reasons[0]


def test_a_blocking_problem_blocks_every_kind() -> None:
    """What can't be archived can't be removed."""
    for kind in (LIVE, BACKUP, TEST):
        assert not decided(kind, [facts()], [], ["x: a symlink"], YES).removable


def test_what_would_help_is_said() -> None:
    """And what was accepted goes into the record."""
    asked = decided(BACKUP, [OTHER])
    assert asked.needs_acknowledge and "acknowledge it" in asked.reasons[0]
    given = decided(BACKUP, [OTHER], [], [], YES)
    assert not given.needs_acknowledge and "an old test" in given.reasons[0]


def test_counts_and_what_only_the_archive_holds() -> None:
    """The report tells both."""
    decision = decided(BACKUP, [facts(dispositions=(KEPT,), equal=9)])
    assert decision.counts == {"equal": 9, ARCHIVED: 1}
    assert decision.beyond == (KEPT.file,)


NODE = Holder(812, "node", "open file")
SHELL = Holder(77, "bash", "working directory")
ACTIVE = [
    ("live, nothing known", LIVE, NOT_KNOWN, ["what the service runs on is not known"]),
    ("live, on files", LIVE, Activity(FILES), ["the service runs on files"]),
    ("live, on the database", LIVE, Activity(DATABASE), []),
    ("live, stopped", LIVE, Activity(STOPPED), []),
    ("live, others can't be looked into", LIVE, Activity(STOPPED, (), 3), []),
    ("live, held", LIVE, Activity(STOPPED, (NODE,)), ["process 812 (node) holds it: open file"]),
    ("live, stopped and yet held", LIVE, Activity(STOPPED, (NODE,)), ["process 812 (node)"]),
    ("live, on the database and held", LIVE, Activity(DATABASE, (NODE,)), ["process 812 (node)"]),
    (
        "live, all at once",
        LIVE,
        Activity(FILES, (SHELL, NODE)),
        ["process 77 (bash) holds it: working directory", "process 812 (node)", "the service runs"],
    ),
    ("live, held by nobody knows whom", LIVE, Activity(STOPPED, (Holder(0, "?", "open file x"),)),
     ["process ? (?) holds it: open file x"]),
    ("backup, on files", BACKUP, Activity(FILES), []),
    ("backup, held", BACKUP, Activity(DATABASE, (NODE,)), ["process 812 (node)"]),
    ("test, on files", TEST, Activity(FILES), []),
    ("test, held", TEST, Activity(STOPPED, (SHELL,)), ["process 77 (bash)"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "activity", "reasons"), [case[1:] for case in ACTIVE], ids=[case[0] for case in ACTIVE]
)
def test_what_the_service_does(kind: str, activity: Activity, reasons: list[str]) -> None:
    """Files that are all safe may still be in use; by whom nobody says, that is no answer either."""
    decision = decided(kind, [facts()], activity=activity)
    assert decision.removable == (not reasons)
    assert len(decision.reasons) == len(reasons), decision.reasons
    assert all(map(str.startswith, decision.reasons, reasons)), decision.reasons


def test_what_the_service_does_can_t_be_acknowledged() -> None:
    """And what the files lack is said beside it, acknowledged or not."""
    held = Activity(FILES, (NODE,))
    for kind in (BACKUP, TEST):
        decision = decided(kind, [OTHER], [], [], YES, activity=held)
        assert not decision.removable and not decision.needs_acknowledge
        assert len(decision.reasons) == 1 and "812" in decision.reasons[0]
    both = decided(LIVE, [facts(dispositions=(BAD,))], [], [], YES, activity=held)
    assert len(both.reasons) == 3 and BAD.file in both.reasons[2]


def test_what_is_known_of_the_service_is_said_as_evidence() -> None:
    """Nobody seen and nobody there are two things."""
    for service in (*DECLARABLE, UNKNOWN):
        runs, held = evidence(Activity(service))
        assert "declared" in runs and held == "no process is seen to hold it"
    assert "held by 2 processes" in evidence(Activity(FILES, (NODE, SHELL)))
    assert "3 more" in evidence(Activity(FILES, (), 3))[2]
    for one in obstacles(Activity(FILES, (NODE, SHELL)), live=True):
        assert one.ended_by and one.reason != one.ended_by
