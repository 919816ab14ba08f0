"""What the service says of itself: log lines and status. The one place that knows their form.

The lines are those of docs/facts.md section 1, "checked"; they are looked for anywhere in a line, so
that plain text and JSON logs both do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROVIDER = "postgres"
CONNECTED = "open"
# The first line of a start; whatever stands before its last occurrence belongs to an earlier start.
START = re.compile(r"Auth state provider: ")
# What libsignal says when a ratchet went back or a key is missing (docs/facts.md section 2).
RATCHET_ERRORS = ("No session record", "Bad MAC", "Invalid PreKey ID")


@dataclass(frozen=True)
class Company:
    """One company as the status endpoint shows it."""

    provider: str
    credentials: bool
    keys: int
    connection: str


def companies(status: Mapping[str, Any]) -> dict[str, Company]:
    """The companies of a status answer, by id. Raises AssertionError: the answer has another form."""
    found = status.get("companies")
    assert isinstance(found, dict), f"the status endpoint shows no companies, only {sorted(status)}"
    return {
        name: Company(
            provider=str(one.get("provider")),
            credentials=one.get("credentials") is True,
            keys=int(one.get("keys", 0)),
            connection=str(one.get("connection")),
        )
        for name, one in found.items()
    }


def start_up_lines(company_ids: list[str]) -> dict[str, re.Pattern[str]]:
    """The lines that a good start writes: what each means, and how it looks."""
    lines = {
        "the provider is PostgreSQL": re.compile(r"Auth state provider: PostgreSQL"),
        "the session pool is initialised": re.compile(r"Session pool initialised"),
        "PostgreSQL is connected": re.compile(r"Connected to PostgreSQL \S+"),
    }
    for company_id in company_ids:
        about = re.escape(company_id)
        lines[f"credentials of {company_id} are loaded"] = re.compile(
            rf"Credentials loaded for company {about}\b"
        )
        lines[f"keys of {company_id} are loaded"] = re.compile(
            rf"Keys loaded for company {about}: [1-9]"
        )
    return lines


def since_last_start(log: str) -> str:
    """The part of a log from the last start on; empty if it shows none."""
    starts = [found.start() for found in START.finditer(log)]
    return log[starts[-1] :] if starts else ""


def ratchet_errors(log: str) -> int:
    """How often a log shows a ratchet that went back or a missing key."""
    return sum(log.count(text) for text in RATCHET_ERRORS)
