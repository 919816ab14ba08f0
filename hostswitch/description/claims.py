"""What the signals of a service show: one sign for each claim that one of them says something about. Pure.

A claim that no sign speaks of is not checked, or missing where it is required; never assumed.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hostswitch.description.description import COMPANY, Http, Log, Signals, Value
from sessionstore.judgement.activity import DATABASE

OWN, PROVIDER, CREDENTIALS, CONNECTED, KEYS = (
    "company",
    "provider",
    "credentials",
    "connected",
    "keys",
)
"""The claims, by the fields of a description that prove them."""
CLAIMS = (OWN, PROVIDER, CREDENTIALS, CONNECTED, KEYS)
_NOTHING = object()
_MOST_KEYS = 1 << 40
_LONGEST_LINE = 2000
"""Characters of a line of the log that a pattern is tried on: what is longer was not meant for people."""


@dataclass(frozen=True)
class Sign:
    """What one signal says of one claim.

    `value` is the store (PROVIDER; None: none that the description knows), how many (KEYS; None: no
    number), else whether the claim holds; `shown` is what was seen, short enough for a sentence.
    """

    claim: str
    company: str
    value: Any
    shown: str


@dataclass(frozen=True)
class Signalled:
    """What the signals of a service gave at one moment.

    `answer` is the JSON of its endpoint (None: none came), `log` what its logs got since the start,
    `connections` how many of the database's began since then (None: nobody looked).
    """

    answer: Any = None
    log: str = ""
    connections: int | None = None


def signs(signals: Signals, seen: Signalled, companies: Iterable[str]) -> list[Sign]:
    found: list[Sign] = []
    lines = [line[:_LONGEST_LINE] for line in seen.log.splitlines()]
    for company in companies:
        if signals.http is not None and seen.answer is not None:
            found += _answered(signals.http, seen.answer, company)
        if signals.log is not None:
            found += _written(signals.log, lines, company)
        if signals.database and seen.connections:
            shown = f"{seen.connections} connections to the database since its start"
            found.append(Sign(PROVIDER, company, DATABASE, shown))
    return found


def tellable(signals: Signals) -> set[str]:
    """The claims that a kind of service has a signal for."""
    told = {PROVIDER} if signals.database else set()
    for kind in (signals.http, signals.log):
        told |= {claim for claim in CLAIMS if getattr(kind, claim, None)}
    return told


def of(found: Iterable[Sign], claim: str, company: str) -> list[Sign]:
    return [one for one in found if (one.claim, one.company) == (claim, company)]


def companies_in(http: Http, answer: Any) -> list[str]:
    """Every company that an answer tells of, declared or not."""
    if http.company is None:
        return []
    if COMPANY in http.company.equals:
        found = _at(answer, http.company.at, "")
        return [] if found is _NOTHING else [str(found)]
    place, _, name = http.company.at.rpartition(".")
    there = _at(answer, place, "") if name == COMPANY else None
    return sorted(map(str, there)) if isinstance(there, Mapping) else []


def missing_lines(log: Log, text: str, company: str) -> list[str]:
    """What a start's log does not say of those lines that a good start writes, by what they mean."""
    lines = [line[:_LONGEST_LINE] for line in text.splitlines()]
    wanted = {**log.lines}
    if log.credentials:
        wanted["credentials are loaded"] = log.credentials
    if DATABASE in log.provider:
        wanted["the provider is PostgreSQL"] = log.provider[DATABASE]
    return [meaning for meaning, one in wanted.items() if _last(lines, one, company)[0] < 0]


def value_at(answer: Any, place: str | None) -> Any:
    """What stands at a place of an answer; None where nothing does, or the description names no place."""
    found = _NOTHING if place is None else _at(answer, place, "")
    return None if found is _NOTHING else found


def quoted(value: Any) -> str:
    """What a service said, short enough for a sentence."""
    return reprlib.repr(value)


def _answered(http: Http, answer: Any, company: str) -> Iterator[Sign]:
    def sign(claim: str, place: str, value: Any) -> Sign:
        found, name = _at(answer, place, company), place.replace(COMPANY, company)
        shown = f"no {name}" if found is _NOTHING else f"{name} is {quoted(found)}"
        return Sign(claim, company, value, f"GET {http.path} shows {shown}")

    if http.company is not None:
        own = _holds(http.company, answer, company)
        yield sign(OWN, http.company.at, own)
        if not own:
            return
    if http.provider is not None:
        said = _at(answer, http.provider.at, company)
        store = http.provider.means.get(said) if isinstance(said, str) else None
        yield sign(PROVIDER, http.provider.at, store)
    for claim, value in ((CREDENTIALS, http.credentials), (CONNECTED, http.connected)):
        if value is not None:
            yield sign(claim, value.at, _holds(value, answer, company))
    if http.keys is not None:
        keys = _at(answer, http.keys, company)
        counted = type(keys) is int and 0 <= keys < _MOST_KEYS  # True is no number of keys
        yield sign(KEYS, http.keys, keys if counted else None)


def _at(answer: Any, place: str, company: str) -> Any:
    for name in place.split("."):
        if not isinstance(answer, Mapping):
            return _NOTHING
        answer = answer.get(name.replace(COMPANY, company), _NOTHING)
    return answer


def _holds(value: Value, answer: Any, company: str) -> bool:
    found = _at(answer, value.at, company)
    if COMPANY in value.equals:  # an id may be told as a number
        return type(found) in (str, int) and str(found) == company
    same = (type(found) is type(one) and found == one for one in value.equals)  # True is not 1
    return any(same) if value.equals else isinstance(found, Mapping)


def _written(log: Log, lines: Sequence[str], company: str) -> Iterator[Sign]:
    stores = [(*_last(lines, pattern, company), store) for store, pattern in log.provider.items()]
    # A start that falls back writes of both: what it wrote last counts.
    number, line, store = max(stores, default=(-1, "", ""))
    if number >= 0:
        yield Sign(PROVIDER, company, store, f"its log says {quoted(line)}")
    patterns = ((OWN, log.company), (CREDENTIALS, log.credentials), (CONNECTED, log.connected))
    said = [(claim, True, pattern) for claim, pattern in patterns if pattern]
    for claim, value, pattern in (*said, *((CREDENTIALS, False, wrong) for wrong in log.wrong)):
        number, line = _last(lines, pattern, company)
        if number >= 0:
            yield Sign(claim, company, value, f"its log says {quoted(line)}")


def _last(lines: Sequence[str], pattern: str, company: str) -> tuple[int, str]:
    """The number of the last line that a pattern is found in, and the line; -1 if there is none."""
    wanted = re.compile(pattern.replace(COMPANY, re.escape(company)))
    for number in range(len(lines) - 1, -1, -1):
        if wanted.search(lines[number]):
            return number, lines[number]
    return -1, ""
