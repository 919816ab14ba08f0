"""What forbids running a company from this host: keys that are elsewhere, or another host. Pure."""

from __future__ import annotations

from hostswitch.base.errors import Refusal
from hostswitch.decide.seen import InDatabase, Seen, effective, runs_on, with_files
from hostswitch.description.names import companies_of
from hostswitch.plan import Plan
from sessionstore.judgement.activity import FILES


def refusals(plan: Plan, seen: Seen, waiting: frozenset[str]) -> list[Refusal]:
    on_disk = with_files(seen)
    found = _unfound_refusals(plan, seen, on_disk)
    found += [
        Refusal(
            "company",
            f"the live directory holds company {company_id}, which is not declared",
            _holder(plan, seen, company_id),
            f"Add {company_id} to `companies` of this host in the inventory, or archive its files",
        )
        for company_id in sorted(on_disk - set(plan.companies))
    ]
    if seen.database is None:
        return found
    for company_id in plan.companies:
        state = seen.database[company_id]
        found += _database_refusals(plan, state, company_id, on_disk | waiting)
        found += _move_refusals(plan, seen, state, company_id)
    return found


def _unfound_refusals(plan: Plan, seen: Seen, on_disk: set[str]) -> list[Refusal]:
    """A service on files keeps its keys somewhere: old rows must not take the place of unseen files."""
    if not seen.running or runs_on(plan, seen).keeps != FILES:
        return []
    what = "the service runs on files, and no declared live directory holds company {}"
    remedy = "Declare the directory where its files are in legacy_directories, kind: live"
    return [
        Refusal("company", what.format(company_id), plan.app_dir, remedy)
        for company_id in plan.companies
        if company_id not in on_disk
    ]


def _move_refusals(plan: Plan, seen: Seen, state: InDatabase, company_id: str) -> list[Refusal]:
    """A company that may come from another host: two services on one account fight.

    Where it was imported does not tell where it runs: it may have been paired on a host, or have
    moved since. Only the hosts' own answers do.
    """
    here = company_id in companies_of(plan.description.environment, effective(plan, seen))
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
