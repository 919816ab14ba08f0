"""No archive goes by time alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.retention.archives import (
    DAMAGED,
    GONE,
    MISSING,
    STATES,
    UNCHECKED,
    WHOLE,
    Archive,
)
from sessionstore.retention.backups import Backup
from sessionstore.retention.rules import DAY, Pairing, judge, judge_backups

NOW = 1000 * DAY


def shelved(name: str = "a", days: float = 100, **changes: Any) -> Archive:
    """A whole archive of company 1, some days old."""
    given: dict[str, Any] = {
        "path": f"/x/{name}.tar.zst.age",
        "manifest": f"/x/{name}.manifest.jsonl",
        "name": name,
        "state": WHOLE,
        "detail": "",
        "created": NOW - days * DAY,
        "files": 2,
        "bytes": 3,
        "archive_bytes": 4,
        "companies": ("1",),
        "nameless": False,
        **changes,
    }
    return Archive(**{"credentials": paired(*given["companies"]), **given})


def paired(*companies: str, pairing: str = "p") -> tuple[tuple[str, str], ...]:
    """Each company with the digest of a creds.json."""
    return tuple((company, pairing) for company in companies)


@pytest.mark.parametrize(
    ("shelf", "in_database", "in_use", "prune", "words"),
    [
        ([shelved()], paired("1"), (), True, "company 1 is in the database"),
        ([shelved(days=89.5)], paired("1"), (), False, "1 more days"),
        ([shelved(days=-400)], paired("1"), (), False, "more days"),
        ([shelved(created=None)], paired("1"), (), False, "how old"),
        ([shelved()], paired("1"), ("/x/a.tar.zst.age",), False, "still there"),
        ([shelved()], (), (), False, "1 was not"),
        ([shelved(companies=("1", "2"))], paired("1"), (), False, "2 was not"),
        ([shelved(), shelved("b", 50)], (), (), True, "a later archive"),
        ([shelved(), shelved("b", 50, state=UNCHECKED)], (), (), False, "1 was not"),
        ([shelved(), shelved("b", 50, state=DAMAGED)], (), (), False, "1 was not"),
        ([shelved(), shelved("b", 50, state=GONE)], (), (), False, "1 was not"),
        ([shelved(), shelved("b", 200)], (), (), False, "1 was not"),
        ([shelved(nameless=True)], paired("1"), (), False, "whose session files"),
        ([shelved(companies=())], (), (), True, "no session files"),
        ([shelved(credentials=())], paired("1"), (), False, "which pairing of company 1"),
        ([shelved()], paired("1", pairing="q"), (), False, "1 was not"),
        ([shelved(), shelved("b", 50, credentials=paired("1", pairing="q"))], (), (), False, "not"),
        ([shelved(), shelved("b", 50, credentials=())], (), (), False, "1 was not"),
        ([shelved(state=DAMAGED)], paired("1"), (), False, "damaged"),
        ([shelved(state=MISSING)], paired("1"), (), False, "missing"),
        ([shelved(state=UNCHECKED)], paired("1"), (), False, "there"),
        ([shelved(state=GONE)], paired("1"), (), False, "pruned already"),
    ],
)
def test_the_first_archive(
    shelf: list[Archive],
    in_database: tuple[tuple[str, str], ...],
    in_use: tuple[str, ...],
    prune: bool,
    words: str,
) -> None:
    """Past its time, whole, and what it holds is elsewhere."""
    answer = judge(shelf, 90, NOW, dict.fromkeys(in_database), in_use)[0]
    assert answer.prune == prune, answer.why
    assert words in answer.why


def test_an_imported_pairing_that_the_database_lost_stays() -> None:
    """The service was logged out and paired anew: what was imported is in the archive alone."""
    lost = {("1", "p"): "company 1 was paired anew since its import"}
    answer = judge([shelved()], 90, NOW, lost)[0]
    assert (answer.prune, answer.why) == (False, f"{lost['1', 'p']}, and no later archive has it")
    assert judge([shelved(), shelved("b", 50)], 90, NOW, lost)[0].prune


PAIRING = st.tuples(st.sampled_from("12"), st.sampled_from("pq"))
PAIRINGS = st.sets(PAIRING)


@given(
    st.lists(
        st.builds(
            shelved,
            st.text("abc", min_size=1, max_size=3),
            st.floats(0, 400),
            state=st.sampled_from(sorted(STATES)),
            companies=st.just(("1", "2")),
            credentials=PAIRINGS.map(lambda pairings: tuple(sorted(pairings))),
        ),
        max_size=12,
        unique_by=lambda one: one.path,
    ),
    st.dictionaries(PAIRING, st.none() | st.just("paired anew")),
)
def test_a_pairing_is_never_pruned_away(
    shelf: list[Archive], imported: dict[Pairing, str | None]
) -> None:
    """Whatever is on the shelf: after pruning, each is in the database or in a whole archive."""
    answers = judge(shelf, 90, NOW, imported)
    left = {
        pairing
        for one, answer in zip(shelf, answers, strict=True)
        if one.state == WHOLE and not answer.prune
        for pairing in one.credentials
    }
    before = {pairing for one in shelf if one.state == WHOLE for pairing in one.credentials}
    assert before <= left | {pairing for pairing, why_not in imported.items() if why_not is None}


BACKUPS = st.builds(
    lambda number, name, state, days: Backup(
        f"/x/{number}/{name}.dump.zst.age",
        f"/x/{number}/{name}.backup.json",
        name,
        state,
        "",
        None if days is None else NOW - days * DAY,
    ),
    st.integers(0, 99),
    st.sampled_from(["database-before-import", "database-before-removal"]),
    st.sampled_from([WHOLE, WHOLE, DAMAGED, MISSING, GONE]),
    st.none() | st.floats(-9, 400),
)


@given(st.lists(BACKUPS, max_size=12, unique_by=lambda one: one.path))
def test_a_backup_goes_only_if_it_is_old_whole_and_followed(backups: list[Backup]) -> None:
    """Whatever is there: the latest whole one of each kind stays, and nothing young or damaged goes."""
    answers = judge_backups(backups, 90, NOW)
    for one, answer in zip(backups, answers, strict=True):
        if answer.prune:
            assert one.state == WHOLE and one.created is not None
            assert NOW - one.created >= 90 * DAY
    gone = {answer.archive for answer in answers if answer.prune}
    for kind in {one.name for one in backups}:
        whole = [one for one in backups if one.name == kind and one.state == WHOLE]
        if whole:
            latest = max(whole, key=lambda one: (one.created or 0.0, one.manifest))
            assert latest.path not in gone
    old = [one for one in backups if one.state == WHOLE and (one.created or NOW) < NOW - 90 * DAY]
    assert len(gone) >= len(old) - len({one.name for one in old})
