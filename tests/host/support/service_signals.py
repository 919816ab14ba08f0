"""What the service shows of itself, by its description: its status, and the log of its last start."""

import re
from dataclasses import replace

from hostswitch.decide import gate
from hostswitch.decide.gate import Company, Expectation
from hostswitch.description.claims import Signalled, tellable
from hostswitch.description.description import Signals

from .target import Target
from .wording import not_checked

# What libsignal says when a ratchet went back or a key is missing (docs/facts.md section 2).
RATCHET_ERRORS = ("No session record", "Bad MAC", "Invalid PreKey ID")


def answered(target: Target) -> Signalled:
    """What the service answers now; a log proves what was so at its start."""
    return Signalled(target.status if target.declared.status_url else None)


def by_answer(target: Target) -> Signals:
    """The signals of a service that runs; not checked where it has no endpoint."""
    signals = target.declared.described.signals
    if signals.http is None:
        not_checked("this kind of service has no endpoint")
    return replace(signals, log=None, database=False)


def problems(target: Target, company_id: str, company: Company, *, connected: bool) -> list[str]:
    """What its answer lacks of what is demanded of one company."""
    expected = Expectation({company_id: company}, connected)
    return gate.problems(by_answer(target), answered(target), expected)


def tells(target: Target, claim: str) -> bool:
    """Whether its answer can prove a claim."""
    return claim in tellable(by_answer(target))


def since_last_start(log: str, start: str | None) -> str:
    """The part of a log from the last start on; empty if it shows none."""
    starts = [found.start() for found in re.finditer(start, log)] if start else []
    return log[log.rfind("\n", 0, starts[-1]) + 1 :] if starts else ""


def ratchet_errors(log: str) -> int:
    """How often a log shows a ratchet that went back or a missing key."""
    return sum(log.count(text) for text in RATCHET_ERRORS)
