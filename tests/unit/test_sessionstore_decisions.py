"""What becomes of a directory: one row a rule."""

from __future__ import annotations

from typing import Any

import pytest

from sessionstore.decisions import BACKUP, LIVE, TEST, CompanyFacts, decide
from sessionstore.dispositions import ARCHIVED, UNEXPLAINED, Disposition
from sessionstore.lineage import ABSENT, ANOTHER, FILE_AHEAD, SAME, Verdict


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


BAD = Disposition("company_9/session-1.0.json", UNEXPLAINED, "not in the database")
KEPT = Disposition("company_9/session-1.0.json", ARCHIVED, "not in the database")
UNKNOWN = facts(known=False, verdict=Verdict(ABSENT, "absent"))
OTHER = facts(verdict=Verdict(ANOTHER, "another pairing"))
AHEAD = facts(verdict=Verdict(FILE_AHEAD, "nextPreKeyId"))
NO_CREDS = facts(verdict=None)
UNREGISTERED = facts(verdict=None, unregistered=True, known=False)
YES = {"reason": "an old test", "identities": True, "companies": []}
NAMED = {"reason": "closed in 2024", "identities": False, "companies": ["9"]}
DECIDED = [
    ("live, all equal", LIVE, [facts()], [], None, True),
    ("live, empty", LIVE, [], [], None, True),
    ("live, one unexplained", LIVE, [facts(dispositions=(BAD,))], [], None, False),
    ("live, unexplained acknowledged", LIVE, [facts(dispositions=(BAD,))], [], YES, False),
    ("live, artefact", LIVE, [facts(dispositions=(KEPT,))], [], None, True),
    ("live, unknown file beside", LIVE, [facts()], [BAD], None, False),
    ("live, company unknown", LIVE, [UNKNOWN], [], YES, False),
    ("live, another identity", LIVE, [OTHER], [], YES, False),
    ("live, file ahead", LIVE, [AHEAD], [], YES, False),
    ("live, no credentials", LIVE, [NO_CREDS], [], None, False),
    ("backup, equal", BACKUP, [facts()], [], None, True),
    ("backup, more than the database", BACKUP, [facts(dispositions=(KEPT,))], [], None, True),
    ("backup, company unknown", BACKUP, [UNKNOWN], [], None, False),
    ("backup, company acknowledged", BACKUP, [UNKNOWN], [], NAMED, True),
    (
        "backup, other company acknowledged",
        BACKUP,
        [UNKNOWN],
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
    ("test, never paired", TEST, [UNREGISTERED], [], None, True),
    ("live, never paired", LIVE, [UNREGISTERED], [], None, False),
    ("test, unknown acknowledged", TEST, [UNKNOWN], [], YES, True),
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
    decision = decide(kind, companies, others, [], acknowledge)
    assert decision.removable == removable, decision.reasons
    assert removable or decision.reasons


def test_why_a_live_directory_is_blocked_is_the_true_reason() -> None:
    """Told that the database lacks a company that it has, an operator would import it again."""
    for company, words in (
        (UNKNOWN, "does not know company 9"),
        (NO_CREDS, "without usable credentials"),
        (facts(verdict=Verdict(ABSENT, "the row can't be read")), "the row can't be read"),
        (OTHER, "another pairing"),
    ):
        assert words in decide(LIVE, [company], [], [], None).reasons[0]


def test_a_blocking_problem_blocks_every_kind() -> None:
    """What can't be archived can't be removed."""
    for kind in (LIVE, BACKUP, TEST):
        assert not decide(kind, [facts()], [], ["x: a symlink"], YES).removable


def test_what_would_help_is_said() -> None:
    """And what was accepted goes into the record."""
    asked = decide(BACKUP, [OTHER], [], [], None)
    assert asked.needs_acknowledge and "acknowledge it" in asked.reasons[0]
    given = decide(BACKUP, [OTHER], [], [], YES)
    assert not given.needs_acknowledge and "an old test" in given.reasons[0]


def test_counts_and_what_only_the_archive_holds() -> None:
    """The report tells both."""
    decision = decide(BACKUP, [facts(dispositions=(KEPT,), equal=9)], [], [], None)
    assert decision.counts == {"equal": 9, ARCHIVED: 1}
    assert decision.beyond == (KEPT.file,)
