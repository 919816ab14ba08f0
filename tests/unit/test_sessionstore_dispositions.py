"""Lineage, dispositions and decisions: one row a rule."""

from __future__ import annotations

from typing import Any

import pytest

from sessionstore.decisions import BACKUP, LIVE, TEST, CompanyFacts, decide
from sessionstore.dispositions import (
    ARCHIVED,
    EXPLAINED,
    NEWER,
    UNEXPLAINED,
    Company,
    Disposition,
    File,
    Row,
    judge,
    judge_credentials,
)
from sessionstore.grammar import Key
from sessionstore.lineage import (
    ABSENT,
    ANOTHER,
    DESCENDS,
    FILE_AHEAD,
    SAME,
    Clocks,
    Verdict,
    compare,
    credentials_of,
)
from sessionstore.values import Value, ValueProblem


def creds(**changes: Any) -> dict[str, Value]:
    """Parsed credentials."""
    return {
        "me": {"id": "1:7@s.whatsapp.net"},
        "registrationId": 5,
        "signedIdentityKey": {"private": b"a", "public": b"b"},
        "noiseKey": {"private": b"c", "public": b"d"},
        "advSecretKey": "secret",
        "nextPreKeyId": 31,
        "firstUnuploadedPreKeyId": 31,
        "accountSyncCounter": 2,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "relation"),
    [
        ({}, SAME),
        ({"nextPreKeyId": 61, "firstUnuploadedPreKeyId": 61}, DESCENDS),
        ({"accountSyncCounter": 3}, DESCENDS),
        ({"nextPreKeyId": 61, "accountSyncCounter": 1}, FILE_AHEAD),
        ({"nextPreKeyId": 1}, FILE_AHEAD),
        ({"accountSyncCounter": None}, FILE_AHEAD),
        ({"me": {"id": "2:7@s.whatsapp.net"}}, ANOTHER),
        ({"registrationId": 6, "nextPreKeyId": 61}, ANOTHER),
        ({"noiseKey": {"private": b"x", "public": b"d"}}, ANOTHER),
        ({"signedIdentityKey": {"private": b"x", "public": b"d"}}, ANOTHER),
        ({"advSecretKey": "other"}, ANOTHER),
        ({"lastPropHash": "x"}, SAME),
    ],
)
def test_lineage(changes: dict[str, Any], relation: str) -> None:
    """Which copy descends from which is told by the credentials alone."""
    verdict = compare(credentials_of(creds()), credentials_of(creds(**changes)))
    assert verdict.relation == relation


def test_no_row_is_absent() -> None:
    """The database does not know the company."""
    assert compare(credentials_of(creds()), None).relation == ABSENT


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([], "not credentials"),
        (creds(me=None), "not registered"),
        (creds(me={"id": ""}), "not registered"),
        (creds(advSecretKey=""), "not credentials"),
        (creds(nextPreKeyId=-1), "not credentials"),
        (creds(nextPreKeyId=1.5), "not credentials"),
    ],
)
def test_what_is_no_pairing(value: Value, kind: str) -> None:
    """Baileys would take it for a new, unregistered identity."""
    with pytest.raises(ValueProblem) as caught:
        credentials_of(value)
    assert caught.value.kind == kind


def test_no_secret_stands_in_the_identity() -> None:
    """It ends up in logs."""
    assert "secret" not in repr(credentials_of(creds()))


BEFORE, AFTER = Clocks(31, 31, 2), Clocks(61, 61, 2)


def company(relation: str = DESCENDS, **changes: Any) -> Company:
    """A company whose database moved on."""
    facts: dict[str, Any] = {
        "verdict": Verdict(relation, f"lineage is {relation}"),
        "file_clocks": BEFORE,
        "database_clocks": AFTER,
        "imported_at": 100.0,
        "has_session": {"88_1.3"}.__contains__,
        "lid_of": {"99": "88"}.get,
    }
    return Company(**{**facts, **changes})


def file(key_type: str, key_id: str, value: Any = None, written_at: float = 50.0) -> File:
    """A file that does not equal its row."""
    return File(f"{key_type}-{key_id}.json", Key(key_type, key_id), value, written_at)


def row(value: Any = None, updated_at: float = 200.0) -> Row:
    """A row written after the import."""
    return Row(value, updated_at)


FORWARD = ({"version": 1}, {"version": 2})
JUDGED = [
    ("pre-key consumed", file("pre-key", "7"), None, company(), EXPLAINED),
    (
        "pre-key, clocks equal",
        file("pre-key", "7"),
        None,
        company(database_clocks=BEFORE),
        UNEXPLAINED,
    ),
    (
        "pre-key never uploaded",
        file("pre-key", "40"),
        None,
        company(database_clocks=Clocks(61, 40, 2)),
        UNEXPLAINED,
    ),
    ("pre-key, no clocks", file("pre-key", "7"), None, company(file_clocks=None), UNEXPLAINED),
    ("pre-key differs", file("pre-key", "7", 1), row(2), company(), UNEXPLAINED),
    (
        "app-state key differs",
        file("app-state-sync-key", "AAAA", 1),
        row(2),
        company(),
        UNEXPLAINED,
    ),
    ("identity differs", file("identity-key", "99.0", 1), row(2), company(), UNEXPLAINED),
    ("app-state key absent", file("app-state-sync-key", "AAAA"), None, company(), UNEXPLAINED),
    ("identity absent", file("identity-key", "99.0"), None, company(), UNEXPLAINED),
    ("session to LID", file("session", "99.3"), None, company(), EXPLAINED),
    ("session, other device", file("session", "99.4"), None, company(), UNEXPLAINED),
    ("session without LID", file("session", "77.3"), None, company(), UNEXPLAINED),
    ("session not ordered", file("session", "99.3", {}), row({}), company(), UNEXPLAINED),
    ("sender key absent", file("sender-key", "1@g.us::2::0"), None, company(), UNEXPLAINED),
    (
        "version ahead",
        file("app-state-sync-version", "regular", FORWARD[0]),
        row(FORWARD[1]),
        company(),
        NEWER,
    ),
    (
        "version behind",
        file("app-state-sync-version", "regular", FORWARD[1]),
        row(FORWARD[0]),
        company(),
        UNEXPLAINED,
    ),
    ("version absent", file("app-state-sync-version", "regular"), None, company(), UNEXPLAINED),
    ("device list later", file("device-list", "99", ["0"]), row(["0", "1"]), company(), NEWER),
    (
        "device list not later",
        file("device-list", "99", ["0"]),
        row([], 100.0),
        company(),
        UNEXPLAINED,
    ),
    (
        "file written later",
        file("device-list", "99", [], 300.0),
        row(["0"]),
        company(),
        UNEXPLAINED,
    ),
    ("no import, later", file("tctoken", "1@lid", 1), row(2), company(imported_at=None), NEWER),
    ("mapping later, same clocks", file("lid-mapping", "9", "1"), row("2"), company(SAME), NEWER),
    ("memory later", file("sender-key-memory", "1@g.us", {}), row({"a": True}), company(), NEWER),
    ("device list absent", file("device-list", "99"), None, company(), UNEXPLAINED),
    ("another identity", file("device-list", "99", 1), row(2), company(ANOTHER), UNEXPLAINED),
    ("file ahead", file("device-list", "99", 1), row(2), company(FILE_AHEAD), UNEXPLAINED),
    ("file ahead, consumed", file("pre-key", "7"), None, company(FILE_AHEAD), UNEXPLAINED),
    ("absent company", file("pre-key", "7"), None, company(ABSENT), UNEXPLAINED),
]


@pytest.mark.parametrize(
    ("file", "row", "company", "outcome"),
    [case[1:] for case in JUDGED],
    ids=[case[0] for case in JUDGED],
)
def test_files(file: File, row: Row | None, company: Company, outcome: str) -> None:
    """Whatever no rule explains is unexplained."""
    disposition = judge(file, row, company)
    assert disposition.outcome == outcome, disposition.reason
    assert disposition.reason


@pytest.mark.parametrize(
    ("relation", "updated_at", "outcome"),
    [
        (DESCENDS, 0.0, NEWER),
        (SAME, 200.0, NEWER),
        (SAME, 90.0, UNEXPLAINED),
        (FILE_AHEAD, 200.0, UNEXPLAINED),
        (ANOTHER, 200.0, UNEXPLAINED),
    ],
)
def test_credentials_that_differ(relation: str, updated_at: float, outcome: str) -> None:
    """Clocks first; with equal clocks the time of writing."""
    found = judge_credentials("creds.json", 50.0, updated_at, company(relation))
    assert found.outcome == outcome


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
