"""When a started service counts as healthy. Pure: what was seen in, what is wrong out."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hostswitch.pm2.app import App

_ASKED = ("provider", "credentials", "keys", "connection")
_LONGEST = 100


@dataclass(frozen=True)
class Company:
    """What one company must show: its provider (None: any) and at least so many keys."""

    provider: str | None
    credentials: bool
    minimum_keys: int


@dataclass(frozen=True)
class Expectation:
    """What a started version must show on its status endpoint and as a process."""

    companies: Mapping[str, Company]
    connected: bool
    status: bool = True
    """Whether there is a status endpoint at all (an old version may have none)."""
    directory: str | None = None
    """Where the process must run, symlinks resolved; None: anywhere."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """Declared settings that the process must see."""


def problems(status: Any, expected: Expectation) -> list[str]:
    """What a status answer lacks, in sentences; empty when all is as expected.

    It is `{"pid": …, "companies": {ID: {"provider", "credentials", "keys", "connection"}}, "flags": {…}}`;
    more is ignored.
    """
    companies = companies_of(status)
    found = _flag_problems(status, expected.flags)
    for company_id, company in expected.companies.items():
        shown = companies.get(company_id)
        if shown is None:
            found.append(f"company {company_id} is not in the status")
        else:
            # Without credentials there is nothing to connect as: it waits for its first pairing.
            connected = expected.connected and company.credentials
            found += _company_problems(company_id, shown, company, connected)
    return found


def _flag_problems(status: Any, flags: Mapping[str, str]) -> list[str]:
    seen = status.get("flags") if isinstance(status, dict) else None
    if not isinstance(seen, dict):
        return []
    return [
        f"the service sees {name}={quoted(seen[name])}, declared is {value!r}"
        for name, value in flags.items()
        if name in seen and seen[name] != value
    ]


def _company_problems(
    company_id: str, shown: Mapping[str, Any], company: Company, connected: bool
) -> list[str]:
    found = []
    if company.provider is not None and shown.get("provider") != company.provider:
        found.append(f"provider is {quoted(shown.get('provider'))}, not {company.provider!r}")
    if company.credentials and shown.get("credentials") is not True:
        found.append("credentials are not loaded")
    keys = shown.get("keys")
    enough = type(keys) is int and keys >= company.minimum_keys  # True is no number of keys
    if company.minimum_keys and not enough:
        found.append(
            f"{quoted(keys)} keys are loaded, at least {company.minimum_keys} are expected"
        )
    if connected and shown.get("connection") != "open":
        found.append(f"not connected to WhatsApp (connection: {quoted(shown.get('connection'))})")
    return [f"company {company_id}: {problem}" for problem in found]


def quoted(value: Any) -> str:
    """What a service said, short enough for a sentence."""
    return reprlib.repr(value)


def companies_of(status: Any) -> dict[str, Mapping[str, Any]]:
    """What is asked of each company of a status answer; empty if that has another shape."""
    companies = status.get("companies") if isinstance(status, dict) else None
    if not isinstance(companies, dict):
        return {}
    return {
        name: {field: shown[field] for field in _ASKED if _is_plain(shown.get(field))}
        for name, shown in companies.items()
        if isinstance(shown, dict)
    }


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | str) and len(str(value)) <= _LONGEST


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
