"""Unusual growth: told from a company's own history, and only when there is enough of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.inspection.growth import ENOUGH, NOT_KNOWN, UNUSUAL, USUAL, Sample, judge

START = date(2026, 1, 1)


def history(rows: Sequence[int], gap: int = 1) -> list[Sample]:
    """One snapshot every `gap` days; a row weighs 300 bytes."""
    return [
        Sample(START + timedelta(days=gap * number), count, 300 * count)
        for number, count in enumerate(rows)
    ]


def verdict(rows: Sequence[int], gap: int = 1) -> str:
    """Judge the last of these counts by those before it."""
    *past, now = history(rows, gap)
    return judge(past, now).verdict


def test_a_company_that_grows_as_ever_is_usual() -> None:
    """Forty rows a day, more or less."""
    counts = [1313 + 40 * day + (day * 7) % 5 for day in range(30)]
    assert verdict(counts) == USUAL
    *past, now = history(counts)
    answer = judge(past, now)
    assert (answer.days, answer.rows) == (1, counts[-1] - counts[-2])


def test_a_leap_and_a_loss_are_unusual() -> None:
    """Keys that pile up fill the disk; keys that vanish are a customer's messages."""
    steady = [1313 + 3 * day for day in range(20)]
    *past, now = history([*steady, 2600])
    answer = judge(past, now)
    assert answer.verdict == UNUSUAL
    assert "rows a day, usual is +3" in answer.why
    assert verdict([*steady, 700]) == UNUSUAL
    assert verdict([*steady, 0]) == UNUSUAL


def test_one_odd_day_in_the_past_hides_no_second_one() -> None:
    """With mean and standard deviation the first leap would excuse the next."""
    counts = [1313 + 3 * day + (900 if day > 8 else 0) for day in range(20)]
    assert verdict([*counts, counts[-1] + 900]) == UNUSUAL
    assert verdict([*counts, counts[-1] + 3]) == USUAL


def test_a_refill_of_pre_keys_is_usual() -> None:
    """Baileys mints 30 at a time."""
    assert verdict([500] * 10 + [530]) == USUAL


def test_days_without_a_snapshot_are_counted() -> None:
    """A week away, and a week's growth."""
    past = history([1000 + 40 * day for day in range(20)])
    later = past[-1].day + timedelta(days=7)
    assert judge(past, Sample(later, past[-1].rows + 280, past[-1].bytes + 84000)).verdict == USUAL


def test_too_little_history_is_not_known() -> None:
    """A new company is neither usual nor unusual."""
    assert verdict([1313]) == NOT_KNOWN
    assert verdict([100] * ENOUGH + [100_000]) == NOT_KNOWN
    assert verdict([100] * (ENOUGH + 1) + [100_000]) == UNUSUAL


def restless(last: int) -> list[int]:
    """Ten days of 100 and 300 rows in turn, then the last: 200 is usual, the deviation 100."""
    counts = [5000]
    for day in range(10):
        counts.append(counts[-1] + (100 if day % 2 else 300))
    return [*counts, counts[-1] + last]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([500] * 10 + [550], USUAL),
        ([500] * 10 + [551], UNUSUAL),
        ([2000] * 10 + [2100], USUAL),
        ([2000] * 10 + [2101], UNUSUAL),
        ([500] * 9 + [4000] + [4200], USUAL),
        ([500] * 9 + [700] + [700], USUAL),
        (restless(1089), USUAL),
        (restless(1090), UNUSUAL),
        ([100] * 7 + [100_000], NOT_KNOWN),
        ([100] * 8 + [100_000], UNUSUAL),
    ],
)
def test_what_is_tolerated_is_what_the_page_says(counts: list[int], expected: str) -> None:
    """Six robust deviations, and at least 5 % of its size and 50 rows (docs/schema.md)."""
    assert verdict(counts) == expected


def test_one_day_back_is_back() -> None:
    """The last snapshot counts, not the one before it."""
    past = history([100] * 10)
    answer = judge(past, Sample(past[-1].day - timedelta(days=1), 100, 30000))
    assert answer.verdict == NOT_KNOWN and str(past[-1].day) in answer.why


def test_a_clock_that_went_back_is_said() -> None:
    """Else a year of growth would be divided by minus a year."""
    past = history([100] * 20)
    answer = judge(past, Sample(START - timedelta(days=345), 100, 30000))
    assert answer.verdict == NOT_KNOWN and "clock" in answer.why


def test_the_same_day_is_compared_with_the_day_before() -> None:
    """The check may run twice."""
    past = history([1000 + day for day in range(20)])
    again = judge(past, Sample(past[-1].day, past[-1].rows + 1, past[-1].bytes))
    assert (again.verdict, again.days, again.rows) == (USUAL, 1, 2)


@given(
    start=st.integers(0, 100_000),
    rate=st.integers(-50, 2000),
    noise=st.lists(st.integers(-20, 20), min_size=ENOUGH + 2, max_size=40),
    gap=st.integers(1, 30),
)
def test_steady_growth_is_never_unusual_and_a_tenfold_leap_always(
    start: int, rate: int, noise: list[int], gap: int
) -> None:
    """Whatever the size and the pace of the company."""
    start += 2000 * len(noise) * gap
    counts = [start + rate * gap * day + wobble for day, wobble in enumerate(noise)]
    assert verdict(counts, gap) == USUAL
    leap = counts[-2] + 10 * counts[-2] * gap
    assert verdict([*counts[:-1], leap], gap) == UNUSUAL
