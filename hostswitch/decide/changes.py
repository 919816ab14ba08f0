"""What a switch has to do on this host, and what forbids it. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from hostswitch.base.errors import Refusal
from hostswitch.decide import companies, pairing, running, settings
from hostswitch.decide.seen import NOTHING, Seen, following
from hostswitch.envfile import values
from hostswitch.plan import LegacyDirectory, Plan


@dataclass(frozen=True)
class Change:
    kind: str
    what: str


@dataclass(frozen=True)
class Decision:
    """What to do: nothing at all when there are neither changes nor refusals."""

    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...]
    cut_over: Mapping[str, str]
    """Company to be imported -> path of the live directory that holds its files."""
    aside: tuple[LegacyDirectory, ...]
    to_account: tuple[LegacyDirectory, ...]
    """Live directories with files of companies that the database has: evidence, not input.
    Those that also hold a company of the cut-over can be judged after the import only."""
    waiting: frozenset[str] = frozenset()
    """Companies that will wait for their first pairing: they have no session anywhere."""


def decide(plan: Plan, seen: Seen) -> Decision:
    cut_over = _cut_over(plan, seen)
    aside = tuple(item.declared for item in seen.legacy if item.exists)
    waiting = pairing.waiting(plan, seen)
    refusals = [
        *(problem for item in seen.legacy for problem in item.problems),
        *settings.refusals(plan, seen, cut_over=bool(cut_over)),
        *companies.refusals(plan, seen, waiting),
    ]
    changes = [
        *_version_changes(plan, seen),
        *_env_changes(plan, seen),
        *(Change("cut-over", _cut_over_text(seen, c, path)) for c, path in cut_over.items()),
        *(Change("set-aside", f"set {d.path} ({d.kind}) aside") for d in aside),
    ]
    if changes:
        what = "company {} has no session anywhere: it will wait for its first pairing"
        changes += [Change("pairing", what.format(company_id)) for company_id in sorted(waiting)]
        refusals += running.refusals(plan, seen, cut_over)
    to_account = _to_account(seen, cut_over)
    return Decision(tuple(changes), tuple(refusals), cut_over, aside, to_account, waiting)


def _version_changes(plan: Plan, seen: Seen) -> list[Change]:
    found = []
    if seen.current != plan.release:
        before = "nothing" if seen.unused else f"in-place checkout {plan.app_dir}"
        before = os.path.basename(seen.current)[:12] if seen.current else before
        found.append(Change("release", f"release {before} -> {plan.revision[:12]}"))
    if not seen.running:
        found.append(Change("start", f"start {plan.service_app}: it is not running"))
    elif seen.current == plan.release and seen.directory != plan.release:
        found.append(Change("start", f"restart: the process runs in {seen.directory}"))
    elif seen.current == plan.release:
        found += [Change("ecosystem", f"restart: {one}") for one in seen.described_otherwise]
    return found


def _env_changes(plan: Plan, seen: Seen) -> list[Change]:
    differences = values.differences(
        seen.env_live or {}, following(plan, seen), plan.flags, plan.never_secret
    )
    found = [Change("flag" if not d.secret else "setting", f".env: {d}") for d in differences]
    if not found and not seen.env_same and seen.env_next is not None:
        found.append(Change("env", ".env: text only, no value changes"))
    if seen.running:
        shadowed = values.shadows(seen.environment or {}, plan.flags)
        what = "{}: PM2 exported another value, which shadows the .env"
        found += [Change("shadow", what.format(name)) for name in shadowed]
    return found


def _cut_over(plan: Plan, seen: Seen) -> dict[str, str]:
    return {
        company_id: item.declared.path
        for item in seen.legacy
        if item.declared.kind == "live"
        for company_id in item.companies
        if company_id in plan.companies
        and not (seen.database or {}).get(company_id, NOTHING).credentials
    }


def _to_account(seen: Seen, cut_over: Mapping[str, str]) -> tuple[LegacyDirectory, ...]:
    return tuple(
        item.declared
        for item in seen.legacy
        if item.declared.kind == "live" and any(c not in cut_over for c in item.companies)
    )


def _cut_over_text(seen: Seen, company_id: str, path: str) -> str:
    item = next(item for item in seen.legacy if item.declared.path == path)
    certain = "" if seen.database is not None else " if the database does not have it"
    keys = item.companies[company_id]
    return f"import company {company_id} ({keys} keys) from {path}/ into PostgreSQL{certain}"
