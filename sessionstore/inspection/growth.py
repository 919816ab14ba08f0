"""Whether a company grows as it always did. Pure: history in, verdict out.

Told from the company's own history: the median of its daily changes, and how far they usually
lie from that (the median absolute deviation). Neither is moved by a few odd days, as a mean
and a standard deviation would be.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

USUAL, UNUSUAL, NOT_KNOWN = "usual", "unusual", "not known"

#: Daily changes that must be known before anything is called unusual.
ENOUGH = 7
# 1.4826 times the median absolute deviation estimates a standard deviation; six of them.
_TIMES = 6 * 1.4826
# However steady a company was, this much is never unusual: a share of its size, and at
# least so many rows (a refill of pre-keys is 30 or more, Baileys) or bytes.
_SHARE = 0.05
_LEAST = {"rows": 50.0, "bytes": 65536.0}


@dataclass(frozen=True)
class Sample:
    day: date  # the day, in UTC
    rows: int
    bytes: int  # of their values and names


@dataclass(frozen=True)
class Growth:
    verdict: str  # USUAL, UNUSUAL or NOT_KNOWN
    why: str  # in words
    days: int | None = None  # since the last snapshot; None without one
    rows: int | None = None  # more than then; negative when it shrank; None without one
    bytes: int | None = None  # more than then; None without one


def judge(history: Sequence[Sample], now: Sample) -> Growth:
    """Compare a company's growth with its own past: snapshots, oldest first, one a day."""
    if history and history[-1].day > now.day:
        later = f"the last snapshot is of {history[-1].day}, which is later than {now.day}"
        return Growth(NOT_KNOWN, f"{later}: look at the database server's clock")
    past = [sample for sample in history if sample.day < now.day]
    if not past:
        return Growth(NOT_KNOWN, "no earlier snapshot")
    last = past[-1]
    days = (now.day - last.day).days
    grown = (days, now.rows - last.rows, now.bytes - last.bytes)
    if len(past) <= ENOUGH:
        return Growth(NOT_KNOWN, f"{len(past)} snapshots, {ENOUGH + 1} are needed", *grown)
    odd = [words for unit in _LEAST if (words := _oddity(unit, past, now))]
    if odd:
        return Growth(UNUSUAL, "; ".join(odd), *grown)
    return Growth(USUAL, f"as in {len(past)} snapshots", *grown)


def _oddity(unit: str, past: Sequence[Sample], now: Sample) -> str | None:
    rates = [_rate(unit, one, other) for one, other in itertools.pairwise(past)]
    usual = statistics.median(rates)
    spread = statistics.median(abs(rate - usual) for rate in rates)
    before: int = getattr(past[-1], unit)
    tolerated = max(_TIMES * spread, _SHARE * before, _LEAST[unit])
    rate = _rate(unit, past[-1], now)
    if abs(rate - usual) <= tolerated:
        return None
    return f"{rate:+,.0f} {unit} a day, usual is {usual:+,.0f} ± {tolerated:,.0f}"


def _rate(unit: str, one: Sample, other: Sample) -> float:
    change: int = getattr(other, unit) - getattr(one, unit)
    return change / (other.day - one.day).days
