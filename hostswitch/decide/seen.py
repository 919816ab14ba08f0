"""What a host shows before a switch, and what follows from it at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hostswitch.base.errors import Refusal
from hostswitch.description.provider import Choice, choose, not_known
from hostswitch.plan import LegacyDirectory, Plan
from hostswitch.pm2.app import App
from sessionstore.judgement.activity import UNKNOWN


@dataclass(frozen=True)
class InDatabase:
    credentials: bool
    keys: int
    staged_import: str | None = None
    active_import: str | None = None
    imported_on: str | None = None
    """The host whose files came in with that import."""


NOTHING = InDatabase(credentials=False, keys=0)


@dataclass(frozen=True)
class LegacySeen:
    """A declared legacy directory; `companies` maps company ids to their numbers of keys."""

    declared: LegacyDirectory
    exists: bool
    companies: Mapping[str, int] = field(default_factory=dict)
    written: Mapping[str, float] = field(default_factory=dict)
    """When the last of a company's files was written, seconds since 1970."""
    problems: tuple[Refusal, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Before:
    """What of a host before a switch its journal keeps as well. Plain data, no secrets."""

    link: str | None = None
    """What `current` points to, as written; None: no link."""
    running: bool
    directory: str | None
    """The service's working directory, symlinks resolved."""
    revision: str | None = None
    """Of the version that runs, or would."""
    judged: Mapping[str, str | None] = field(default_factory=dict)
    """Path -> SHA-256 of each file that decides what starts: the swap takes these and no others."""
    found: Sequence[str] = ()
    """What is wrong in the database and no switch mends, in sentences."""
    clock_ahead: float | None = None
    """Seconds that the host's clock is ahead of the database's; None where that was not asked."""


@dataclass(frozen=True, kw_only=True)
class Seen(Before):
    """What the host shows before a switch."""

    current: str | None
    """Target of the symlink `current`, made absolute; None: there is none (in-place checkout)."""
    environment: Mapping[str, str] | None
    """Of the running process, only names that are flags or settings of the plan; None: not to be read."""
    env_live: Mapping[str, str] | None
    env_next: Mapping[str, str] | None
    """The .env after the switch: the staged one, or the live one if it is as declared already.
    None: it is not staged yet."""
    env_same: bool
    legacy: tuple[LegacySeen, ...]
    database: Mapping[str, InDatabase] | None
    """None where it could not be asked."""
    database_error: Refusal | None = None
    service: App | None = None
    apps: tuple[App, ...] = ()
    """The plan's apps that PM2 lists."""
    listed: tuple[App, ...] = ()
    """They, or as they would be at boot, judged by what a start would make of them."""
    described_otherwise: tuple[str, ...] = ()
    """What PM2 runs otherwise than a start would, in sentences."""
    unused: bool = False
    """No version of the service ever ran on this host."""
    awaited: frozenset[str] = frozenset()
    """Companies that the last switch left waiting for their first pairing."""
    paired: frozenset[str] = frozenset()
    """Those of them that have credentials now."""
    began: float | None = None
    """When the process began, seconds since 1970."""
    status: Any = None
    """What the running version answers at the status endpoint."""
    has_before: frozenset[str] | None = frozenset()
    """Of the files that tell where a version keeps its sessions, those that the running one has."""
    has_after: frozenset[str] | None = frozenset()
    """The same of the new version; None: it is not staged yet."""
    same_database: bool = False
    """Its settings of the database are others than the plan's, and lead to the same one all the same."""
    not_checked: tuple[str, ...] = ()


def directory_before(plan: Plan, seen: Seen) -> str:
    """Where the version before is: what runs goes before what `current` names."""
    return seen.directory or seen.current or plan.app_dir


def effective(plan: Plan, seen: Seen) -> dict[str, str]:
    """The settings that the running process has: what PM2 exported wins over the file.

    A provider flag that is neither true nor false counts as it is declared to be read.
    """
    values = {**(seen.env_live or {}), **(seen.environment or {})}
    unclear = not_known(plan.description.provider, values)
    return values | {name: plan.flags_as_read[name] for name in unclear & plan.flags_as_read.keys()}


def runs_on(plan: Plan, seen: Seen) -> Choice:
    """What the running version keeps its sessions in, as its settings say."""
    if seen.running and seen.environment is None:
        return Choice(UNKNOWN, "the environment of its process can't be read")
    return choose(plan.description.provider, effective(plan, seen), seen.has_before)


def will_run_on(plan: Plan, seen: Seen) -> Choice:
    """The same of what follows the switch."""
    return choose(plan.description.provider, following(plan, seen), seen.has_after)


def following(plan: Plan, seen: Seen) -> Mapping[str, str]:
    """The .env after the switch; before it is staged, what staging will make of it."""
    if seen.env_next is not None:
        return seen.env_next
    return {**(seen.env_live or {}), **plan.flags}


def with_files(seen: Seen) -> set[str]:
    return {c for item in seen.legacy if item.declared.kind == "live" for c in item.companies}
