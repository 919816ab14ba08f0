"""What a switch has to do on this host, and what forbids it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hostswitch import envfile, pairing
from hostswitch.errors import Refusal
from hostswitch.plan import PROVIDERS, LegacyDirectory, Plan, providers

POSTGRES = "USE_REPOSITORY_PATTERN"

_DATABASE_NAMES = {
    "POSTGRES_HOST": "host",
    "POSTGRES_PORT": "port",
    "POSTGRES_DATABASE": "dbname",
    "POSTGRES_USER": "user",
    "POSTGRES_PASSWORD": "password",
}


@dataclass(frozen=True)
class Change:
    """One thing that a switch would change: `kind` for machines, `what` for people."""

    kind: str
    what: str


@dataclass(frozen=True)
class InDatabase:
    """What the database holds of a company."""

    credentials: bool
    keys: int
    staged_import: str | None = None
    active_import: str | None = None
    imported_on: str | None = None
    """The host whose files came in with that import."""


NOTHING = InDatabase(credentials=False, keys=0)


@dataclass(frozen=True)
class LegacySeen:
    """A declared legacy directory as it is: `companies` maps company ids to their key files."""

    declared: LegacyDirectory
    exists: bool
    companies: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What the host shows before a switch. `database` is None where it could not be asked."""

    current: str | None
    """Target of the symlink `current`, made absolute; None: there is none (in-place checkout)."""
    running: bool
    directory: str | None
    """The service's working directory, symlinks resolved."""
    environment: Mapping[str, str]
    """Of the running process, only the names that are flags or settings of the plan."""
    env_live: Mapping[str, str] | None
    env_next: Mapping[str, str] | None
    """The .env after the switch: the staged one, or the live one if it is as declared already.
    None: it is not staged yet."""
    env_same: bool
    legacy: tuple[LegacySeen, ...]
    database: Mapping[str, InDatabase] | None
    described_otherwise: tuple[str, ...] = ()
    """What PM2 runs otherwise than its ecosystem file says, in sentences."""
    unused: bool = False
    """No version of the service ever ran on this host."""
    awaited: frozenset[str] = frozenset()
    """Companies that the last switch left waiting for their first pairing."""


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
    """Compare what is planned with what was seen.

    Args:
        plan: the plan.
        seen: the host.

    Returns:
        Changes, refusals, and what is to be imported, accounted for and set aside.
    """
    cut_over = _cut_over(plan, seen)
    aside = tuple(item.declared for item in seen.legacy if item.exists)
    waiting = _waiting(plan, seen)
    refusals = [
        *(problem for item in seen.legacy for problem in item.problems),
        *_provider_refusals(plan, seen, bool(cut_over)),
        *_flag_refusals(plan, seen),
        *_company_refusals(plan, seen, waiting),
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
    to_account = _to_account(seen, cut_over)
    return Decision(tuple(changes), tuple(refusals), cut_over, aside, to_account, waiting)


def effective(seen: Seen) -> dict[str, str]:
    """The settings that the running process has: what PM2 exported wins over the file."""
    return {**(seen.env_live or {}), **seen.environment}


def companies_of(values: Mapping[str, str]) -> list[str]:
    """The companies that an .env makes the service run."""
    return [one.strip() for one in values.get("COMPANIES", "").split(",") if one.strip()]


def _following(plan: Plan, seen: Seen) -> Mapping[str, str]:
    """The .env after the switch; before it is staged, what staging will make of it."""
    if seen.env_next is not None:
        return seen.env_next
    return {**(seen.env_live or {}), **plan.flags}


def _version_changes(plan: Plan, seen: Seen) -> list[Change]:
    found = []
    if seen.current != plan.release:
        before = "nothing" if seen.unused else _shown_release(plan, seen.current)
        found.append(Change("release", f"release {before} -> {plan.revision[:12]}"))
    if not seen.running:
        found.append(Change("start", f"start {plan.service_app}: it is not running"))
    elif seen.current == plan.release and seen.directory != plan.release:
        found.append(Change("start", f"restart: the process runs in {seen.directory}"))
    elif seen.current == plan.release:
        found += [Change("ecosystem", f"restart: {one}") for one in seen.described_otherwise]
    return found


def _env_changes(plan: Plan, seen: Seen) -> list[Change]:
    differences = envfile.differences(
        seen.env_live or {}, _following(plan, seen), plan.flags, plan.never_secret
    )
    found = [Change("flag" if not d.secret else "setting", f".env: {d}") for d in differences]
    if not found and not seen.env_same and seen.env_next is not None:
        found.append(Change("env", ".env: text only, no value changes"))
    if seen.running:
        shadowed = envfile.shadows(seen.environment, plan.flags)
        what = "{}: PM2 exported another value, which shadows the .env"
        found += [Change("shadow", what.format(name)) for name in shadowed]
    return found


def _cut_over(plan: Plan, seen: Seen) -> dict[str, str]:
    """Declared companies whose files are there and which the database does not have."""
    return {
        company_id: item.declared.path
        for item in seen.legacy
        if item.declared.kind == "live"
        for company_id in item.companies
        if company_id in plan.companies and not _in_database(seen, company_id)
    }


def _to_account(seen: Seen, cut_over: Mapping[str, str]) -> tuple[LegacyDirectory, ...]:
    return tuple(
        item.declared
        for item in seen.legacy
        if item.declared.kind == "live" and any(c not in cut_over for c in item.companies)
    )


def _in_database(seen: Seen, company_id: str) -> bool:
    state = (seen.database or {}).get(company_id)
    return state is not None and state.credentials


def _provider_refusals(plan: Plan, seen: Seen, cut_over: bool) -> list[Refusal]:
    chosen = providers(_following(plan, seen))
    before = providers(effective(seen))
    where = plan.env_next
    if len(chosen) != 1:
        what = "no auth provider is true" if not chosen else "two auth providers are true"
        remedy = f"Set exactly one of {' and '.join(PROVIDERS)} to true in flags.yml"
        return [Refusal("providers", what, where, remedy)]
    if cut_over and chosen != (POSTGRES,):
        remedy = "Set USE_REPOSITORY_PATTERN=true and USE_LEGACY_SUPABASE=false in flags.yml"
        return [Refusal("providers", "a cut-over goes to PostgreSQL", where, remedy)]
    if cut_over and before:
        remedy = "Find out where the company's keys really are; files of another provider are old"
        what = f"files are to be imported, but the service does not run on files: {before[0]}=true"
        return [Refusal("providers", what, plan.env_live, remedy)]
    if before and before != chosen:
        remedy = f"Keep {before[0]}=true; provider flags change data, only a cut-over switches them"
        return [Refusal("providers", f"the provider would change from {before[0]}", where, remedy)]
    return []


def _flag_refusals(plan: Plan, seen: Seen) -> list[Refusal]:
    """The staged .env must say what was declared, and lead to the database of the plan."""
    remedy = "Stage it again: rollout apply (role flags)"
    return [
        Refusal("env", f"{name} is not as declared", plan.env_next, remedy)
        for name in ([] if seen.env_next is None else undeclared(plan, seen.env_next))
    ]


def undeclared(plan: Plan, values: Mapping[str, str]) -> list[str]:
    """Names in an .env whose values are not those of the plan.

    Args:
        plan: its flags, and its database where the service is to use PostgreSQL.
        values: the .env.
    """
    wanted = dict(plan.flags)
    if providers(values) == (POSTGRES,):
        wanted |= {name: str(getattr(plan.database, key)) for name, key in _DATABASE_NAMES.items()}
    return [name for name, value in wanted.items() if values.get(name) != value]


def _unfound_refusals(plan: Plan, seen: Seen, with_files: set[str]) -> list[Refusal]:
    """A service on files keeps its keys somewhere: old rows must not take the place of unseen files."""
    if not seen.running or providers(effective(seen)):
        return []
    remedy = "Declare the directory where its files are in legacy_directories, kind: live"
    return [
        Refusal(
            "company",
            f"the service runs on files, and no declared live directory holds company {company_id}",
            plan.app_dir,
            remedy,
        )
        for company_id in plan.companies
        if company_id not in with_files
    ]


def _with_files(seen: Seen) -> set[str]:
    return {c for item in seen.legacy if item.declared.kind == "live" for c in item.companies}


def _waiting(plan: Plan, seen: Seen) -> frozenset[str]:
    return pairing.waiting(
        plan.companies,
        unused=seen.unused,
        awaited=seen.awaited,
        with_files=_with_files(seen),
        absent={c for c, state in (seen.database or {}).items() if state == NOTHING},
    )


def _company_refusals(plan: Plan, seen: Seen, waiting: frozenset[str]) -> list[Refusal]:
    with_files = _with_files(seen)
    found = _unfound_refusals(plan, seen, with_files)
    found += [
        Refusal(
            "company",
            f"the live directory holds company {company_id}, which is not declared",
            _holder(plan, seen, company_id),
            f"Add {company_id} to `companies` of this host in the inventory, or archive its files",
        )
        for company_id in sorted(with_files - set(plan.companies))
    ]
    if seen.database is None:
        return found
    for company_id in plan.companies:
        state = seen.database[company_id]
        found += _database_refusals(plan, state, company_id, with_files | waiting)
        found += _move_refusals(plan, seen, state, company_id)
    return found


def _move_refusals(plan: Plan, seen: Seen, state: InDatabase, company_id: str) -> list[Refusal]:
    """A company that may come from another host: two services on one account fight.

    Where it was imported does not tell where it runs: it may have been paired on a host, or have
    moved since. Only the hosts' own answers do.
    """
    here = company_id in companies_of(seen.env_live or {})
    if not state.credentials or here or company_id in plan.released:
        return []
    where, home = f"database {plan.database.dbname}", state.imported_on
    if home not in (None, plan.host):
        what = f"company {company_id} came from {home}, which is not known to have let go of it"
        remedy = (
            f"Roll {home} out without it first, then this host: rollout apply {plan.environment}"
        )
        return [Refusal("company", what, where, remedy)]
    if plan.others_answered:
        return []
    what = (
        f"company {company_id} has a session and is new on {plan.host}, and not every other host"
        " said that it does not run it"
    )
    remedy = (
        f"See which does not answer (rollout status {plan.environment}); roll it out, or take it"
        f" out of the inventory once it is off for good; then rollout apply {plan.environment}"
    )
    return [Refusal("company", what, where, remedy)]


def _database_refusals(
    plan: Plan, state: InDatabase, company_id: str, may_lack: set[str]
) -> list[Refusal]:
    where = f"database {plan.database.dbname}, company {company_id}"
    if state.staged_import is not None:
        remedy = "Finish that switch first: baileys-hostswitch resume"
        what = f"import {state.staged_import} is staged and was never activated"
        return [Refusal("database", what, where, remedy)]
    if not state.credentials and state.keys:
        remedy = "Look where they come from; nothing is imported over rows of unknown origin"
        return [Refusal("database", f"{state.keys} keys without credentials", where, remedy)]
    if not state.credentials and state.active_import is not None:
        remedy = "Find out who deleted them; files are older than that import: nothing goes back"
        what = f"import {state.active_import} was activated, but its credentials are gone"
        return [Refusal("database", what, where, remedy)]
    if not state.credentials and company_id not in may_lack:
        remedy = "Name the directory that holds its files as live, or take it off `companies`"
        what = "neither the database nor a live directory has it: a start would make a new identity"
        return [Refusal("company", what, where, remedy)]
    return []


def _holder(plan: Plan, seen: Seen, company_id: str) -> str:
    paths = [item.declared.path for item in seen.legacy if company_id in item.companies]
    return f"{plan.app_dir}/{paths[0]}"


def _shown_release(plan: Plan, current: str | None) -> str:
    if current is None:
        return f"in-place checkout {plan.app_dir}"
    return current.rsplit("/", 1)[-1][:12]


def _cut_over_text(seen: Seen, company_id: str, path: str) -> str:
    item = next(item for item in seen.legacy if item.declared.path == path)
    certain = "" if seen.database is not None else " if the database does not have it"
    keys = item.companies[company_id]
    return f"import company {company_id} ({keys} keys) from {path}/ into PostgreSQL{certain}"
