"""When a started service counts as healthy. Pure: what was seen in, what is wrong out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hostswitch.description import claims
from hostswitch.description.claims import (
    CLAIMS,
    CONNECTED,
    CREDENTIALS,
    KEYS,
    OWN,
    PROVIDER,
    Sign,
    Signalled,
    quoted,
)
from hostswitch.description.description import NOWHERE, OTHER, Signals
from hostswitch.pm2.app import App
from sessionstore.judgement.activity import DATABASE, FILES

STORES = {DATABASE: "PostgreSQL", FILES: "files", OTHER: "another store", NOWHERE: "nothing"}
UNCONNECTED = "connected to WhatsApp"
_NOT_TOLD = {
    OWN: "which company it runs",
    PROVIDER: "what it keeps its sessions in",
    CREDENTIALS: "credentials of a company",
    CONNECTED: UNCONNECTED,
    KEYS: "how many keys are loaded",
}


@dataclass(frozen=True)
class Company:
    """What one company must show: its provider (None: any) and at least so many keys."""

    provider: str | None
    credentials: bool
    minimum_keys: int


@dataclass(frozen=True)
class Expectation:
    """What a started version must show by its signals and as a process."""

    companies: Mapping[str, Company]
    connected: bool
    signals: bool = True
    """Whether its signals are asked at all (an old version may have none)."""
    directory: str | None = None
    """Where the process must run, symlinks resolved; None: anywhere."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """Declared settings that the process must see."""


def problems(signals: Signals, seen: Signalled, expected: Expectation) -> list[str]:
    """What the signals lack or say otherwise, in sentences; empty when all is as expected.

    A claim that several signals speak of is proven where one of them does and none denies it.
    """
    found = claims.signs(signals, seen, expected.companies)
    told = claims.tellable(signals)
    wrong = _flag_problems(signals, seen, expected.flags)
    for company_id, company in expected.companies.items():
        for claim, wanted, sentence in _wanted(company, expected.connected):
            about = claims.of(found, claim, company_id)
            denied = [one.shown for one in about if not _agrees(one, wanted)]
            if denied or (not about and claim in told):
                why = "; ".join(denied) or "nothing shows it"
                wrong.append(f"company {company_id}: {sentence} ({why})")
                if claim == OWN:
                    break  # what is another company's says nothing of this one
    return wrong


def _wanted(company: Company, connected: bool) -> Iterator[tuple[str, Any, str]]:
    """(claim, what it must be, what is so where it is not)."""
    yield OWN, True, "it is not what runs"
    if company.provider is not None:
        yield PROVIDER, company.provider, f"it does not run on {STORES[company.provider]}"
    if company.minimum_keys:
        least = f"at least {company.minimum_keys} keys are expected to be loaded"
        yield KEYS, company.minimum_keys, least
    # Without credentials there is nothing to connect as: it waits for its first pairing.
    if company.credentials:
        yield CREDENTIALS, True, "credentials are not loaded"
    if company.credentials and connected:
        yield CONNECTED, True, "not connected to WhatsApp"


def _agrees(sign: Sign, wanted: Any) -> bool:
    if sign.claim == KEYS:
        return sign.value is not None and sign.value >= wanted
    return bool(sign.value == wanted)


def untold(signals: Signals, expected: Expectation) -> list[str]:
    """The claims that no signal of this kind of service can prove."""
    wanted = {claim for one in expected.companies.values() for claim, *_ in _wanted(one, True)}
    return [_NOT_TOLD[claim] for claim in CLAIMS if claim in wanted - claims.tellable(signals)]


def _flag_problems(signals: Signals, seen: Signalled, flags: Mapping[str, str]) -> list[str]:
    """Declared settings that the process says it sees otherwise (where it says anything)."""
    said = claims.value_at(seen.answer, signals.http.flags if signals.http else None)
    if not isinstance(said, dict):
        return []
    return [
        f"the service sees {name}={quoted(said[name])}, declared is {value!r}"
        for name, value in flags.items()
        if name in said and said[name] != value
    ]


def shown(signals: Signals, seen: Signalled, companies: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What is told of each company, by claim, for the record; those of which nothing is are left out."""
    found: dict[str, dict[str, Any]] = {}
    for one in claims.signs(signals, seen, companies):
        if one.claim != OWN:
            found.setdefault(one.company, {}).setdefault(one.claim, one.value)
    return found


def process_problems(process: App | None, first: App | None) -> list[str]:
    """What is wrong with the app as a process, once it answered well as `first`, in sentences.

    PM2's exit codes are never asked (docs/facts.md section 3: they lie).
    """
    if process is None:
        return ["PM2 does not list it"]
    if process.status != "online":
        return [f"PM2 shows it as {process.status}"]
    if first is not None and (process.pid, process.restarts) != (first.pid, first.restarts):
        return [f"it restarted while it should settle (restarts {process.restarts})"]
    return []
