"""What a switch found before it began: written into the journal, so that it can be undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hostswitch.database.connection import Patience
from hostswitch.decide.lost_keys import Rate
from hostswitch.decide.seen import Before
from hostswitch.host import Host
from hostswitch.record import journal
from hostswitch.record.journal import OPEN, Entry, Journal, JournalError, find


@dataclass(frozen=True, kw_only=True)
class Facts(Before):
    """The state before a switch, and what was decided upon it. Plain data, no secrets."""

    rollout_id: str
    files_provider: bool
    """Whether the version before keeps its keys in files: it may start only on whole ones."""
    cut_over: Mapping[str, str]
    """Company -> live directory."""
    imports: Mapping[str, str]
    """Company -> import id."""
    aside: Sequence[Mapping[str, str]]
    """`path`, `name` and `kind` of every directory to set aside."""
    accounted: Sequence[str]
    """Live directories whose files were accounted for against the database."""
    keys_before: Mapping[str, int]
    status_before: Mapping[str, Any] | None
    """Companies of the status endpoint before: provider and credentials of each."""
    apps: Sequence[str]
    """The plan's apps that PM2 listed."""
    logs: Sequence[str]
    """Log files of the apps, as PM2 named them."""
    lost_key_lines: Mapping[str, Any]
    """How often the logs told of lost keys before the switch: a `Rate`."""
    changes: Sequence[str]
    flags: Sequence[Mapping[str, str | None]]
    waiting: Sequence[str] = ()
    """Companies that have no session anywhere and will wait for their first pairing."""

    @property
    def rate(self) -> Rate:
        return Rate(**self.lost_key_lines)


def facts_of(entries: Sequence[Entry]) -> Facts:
    """The facts that an open journal begins with. Raises JournalError: it begins with something else."""
    first = find(entries, OPEN, "done")
    if first is None:
        raise JournalError("the journal does not begin with what was found before the switch")
    try:
        return Facts(**first.data)
    except TypeError:
        raise JournalError(
            "the journal was written by another version of the host program; finish it with that"
        ) from None


@dataclass(frozen=True)
class Switch:
    host: Host
    facts: Facts
    journal: Journal

    @property
    def env_before(self) -> str | None:
        """SHA-256 of the .env that was live; None: there was none."""
        return self.facts.judged[self.host.plan.env_live]

    @property
    def env_after(self) -> str | None:
        """SHA-256 of the .env that was staged; None: the live one was to stay."""
        return self.facts.judged[self.host.plan.env_next]

    @property
    def live_paths(self) -> list[str]:
        return [item["path"] for item in self.facts.aside if item["kind"] == "live"]

    @property
    def database_seconds(self) -> float:
        """How long the database may take for all that it is asked while the service is down.

        What it needed for the same in row 0, three times, and what the gate gives a service.
        """
        ready = self.journal.last(journal.READY, "done")
        rehearsed = ready.data.get("rehearsed_seconds", 0) if ready else 0
        return self.host.plan.gate.limit_seconds + 3 * float(rehearsed)

    @cached_property
    def patience(self) -> Patience:
        """From the first question of this run on."""
        return Patience(self.database_seconds)

    def kept_as(self, path: str) -> str:
        return next(item["name"] for item in self.facts.aside if item["path"] == path)

    def copy_of(self, path: str) -> Path:
        """From before the stop."""
        return self.host.places.copies / self.facts.rollout_id / self.kept_as(path)


@contextmanager
def step(switch: Switch, name: str, **data: Any) -> Iterator[dict[str, Any]]:
    """Write a step's intent, and its done line with the data that the step puts into the dict."""
    switch.journal.mark(name, "intent", **data)
    done: dict[str, Any] = {}
    yield done
    switch.journal.mark(name, "done", **done)
