"""No archive goes by time alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.retention import DAY, judge
from sessionstore.shelf import DAMAGED, GONE, MISSING, STATES, UNCHECKED, WHOLE, Shelved

NOW = 1000 * DAY


def shelved(name: str = "a", days: float = 100, **changes: Any) -> Shelved:
    """A whole archive of company 1, some days old."""
    given: dict[str, Any] = {
        "archive": f"/x/{name}.tar.zst.age",
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
    return Shelved(**{"credentials": given["companies"], **given})


@pytest.mark.parametrize(
    ("shelf", "in_database", "in_use", "prune", "words"),
    [
        ([shelved()], {"1"}, (), True, "company 1 is in the database"),
        ([shelved(days=89.5)], {"1"}, (), False, "1 more days"),
        ([shelved(days=-400)], {"1"}, (), False, "more days"),
        ([shelved(created=None)], {"1"}, (), False, "how old"),
        ([shelved()], {"1"}, ("/x/a.tar.zst.age",), False, "still there"),
        ([shelved()], set(), (), False, "the database lacks company 1"),
        ([shelved(companies=("1", "2"))], {"1"}, (), False, "lacks company 2"),
        ([shelved(), shelved("b", 50)], set(), (), True, "a later archive"),
        ([shelved(), shelved("b", 50, state=UNCHECKED)], set(), (), False, "lacks company 1"),
        ([shelved(), shelved("b", 50, state=DAMAGED)], set(), (), False, "lacks company 1"),
        ([shelved(), shelved("b", 50, state=GONE)], set(), (), False, "lacks company 1"),
        ([shelved(), shelved("b", 200)], set(), (), False, "lacks company 1"),
        ([shelved(nameless=True)], {"1"}, (), False, "whose session files"),
        ([shelved(companies=())], set(), (), True, "no session files"),
        ([shelved(credentials=())], set(), (), False, "lacks company 1"),
        ([shelved(), shelved("b", 50, credentials=())], set(), (), False, "lacks company 1"),
        ([shelved(state=DAMAGED)], {"1"}, (), False, "damaged"),
        ([shelved(state=MISSING)], {"1"}, (), False, "missing"),
        ([shelved(state=UNCHECKED)], {"1"}, (), False, "there"),
        ([shelved(state=GONE)], {"1"}, (), False, "pruned already"),
    ],
)
def test_the_first_archive(
    shelf: list[Shelved], in_database: set[str], in_use: tuple[str, ...], prune: bool, words: str
) -> None:
    """Past its time, whole, and what it holds is elsewhere."""
    answer = judge(shelf, 90, NOW, in_database, in_use)[0]
    assert answer.prune == prune, answer.why
    assert words in answer.why


@given(
    st.lists(
        st.builds(
            shelved,
            st.text("abc", min_size=1, max_size=3),
            st.floats(0, 400),
            state=st.sampled_from(sorted(STATES)),
            companies=st.sets(st.sampled_from("123")).map(lambda ids: tuple(sorted(ids))),
        ),
        max_size=12,
        unique_by=lambda one: one.archive,
    ),
    st.sets(st.sampled_from("123")),
)
def test_a_company_is_never_pruned_away(shelf: list[Shelved], in_database: set[str]) -> None:
    """Whatever is on the shelf: after pruning, each is in the database or in a whole archive."""
    answers = judge(shelf, 90, NOW, in_database)
    left = {
        company
        for one, answer in zip(shelf, answers, strict=True)
        if one.state == WHOLE and not answer.prune
        for company in one.companies
    }
    before = {company for one in shelf if one.state == WHOLE for company in one.companies}
    assert before <= left | in_database
