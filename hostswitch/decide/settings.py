"""What in the next .env forbids a switch: another provider, another database, an undeclared flag. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from hostswitch.base.errors import Refusal
from hostswitch.decide.seen import Seen, effective, runs_on, will_run_on
from hostswitch.description.description import NOWHERE, OTHER
from hostswitch.description.names import database_of
from hostswitch.description.provider import choosing
from hostswitch.plan import Plan
from sessionstore.judgement.activity import DATABASE, FILES, UNKNOWN


def refusals(plan: Plan, seen: Seen, *, cut_over: bool) -> list[Refusal]:
    return [
        *_unclear_refusals(plan, seen),
        *_provider_refusals(plan, seen, cut_over),
        *_moved_refusals(plan, seen),
        *_flag_refusals(plan, seen),
    ]


def _unclear_refusals(plan: Plan, seen: Seen) -> list[Refusal]:
    """Where no flag says it, files may be years old and the keys somewhere else."""
    before = runs_on(plan, seen)
    if seen.unused or before.keeps != UNKNOWN:
        return []
    line = json.dumps(dict.fromkeys(before.unclear, "TRUE OR FALSE"))
    remedy = (
        "Run it again"
        if not before.unclear
        else (
            "Some versions keep their keys in another store then, and files are old. Find out where this one"
            f" does; then, as it reads them, in group_vars/{plan.environment}/settings.yml:"
            f" flags_as_read: {line}"
        )
    )
    what = f"it is not known where the running version keeps its keys: {before.because}"
    return [Refusal("providers", what, plan.env_live, remedy)]


def _provider_refusals(plan: Plan, seen: Seen, cut_over: bool) -> list[Refusal]:
    after, before = will_run_on(plan, seen), runs_on(plan, seen)
    where = plan.env_next
    if after.keeps == UNKNOWN and seen.has_after is None:
        return []  # The code decides, and is not staged yet; once it is, this is asked again.
    if after.keeps != DATABASE and (after.keeps != OTHER or cut_over):
        wanted = choosing(plan.description.provider, DATABASE)
        line = ", ".join(f"{name}: {json.dumps(value)}" for name, value in wanted.items())
        remedy = f"For PostgreSQL, in flags.yml: {line}"
        would = "not start" if after.keeps == NOWHERE else f"keep its sessions in {after.keeps}"
        what = f"the next version would {would}: {after.because}"
        return [Refusal("providers", what, where, remedy)]
    if cut_over and before.keeps not in (FILES, UNKNOWN):
        remedy = "Find out where the company's keys really are; files of another provider are old"
        what = (
            "files are to be imported, but the service does not run on files:"
            f" {before.keeps}, by {before.because}"
        )
        return [Refusal("providers", what, plan.env_live, remedy)]
    if before.keeps not in (FILES, UNKNOWN, after.keeps):
        remedy = (
            "Keep these settings; what a service keeps its sessions in changes data,"
            " and only a cut-over from files switches that"
        )
        what = f"the provider would change from {before.keeps} ({before.because}) to {after.keeps}"
        return [Refusal("providers", what, where, remedy)]
    return []


def database_before(plan: Plan, seen: Seen) -> tuple[str, str, str] | None:
    """Host, port and name of the database of a version on PostgreSQL, where they are not the plan's."""
    if runs_on(plan, seen).keeps != DATABASE:
        return None
    values, names = effective(plan, seen), plan.description.environment
    asked = (names.database_host, names.database_port, names.database_name)
    host, port, name = (values.get(one or "", "") for one in asked)
    found = (host, port or "5432", name)
    declared = (plan.database.host, str(plan.database.port), plan.database.dbname)
    return None if found == declared else found


def _moved_refusals(plan: Plan, seen: Seen) -> list[Refusal]:
    """What one database gets as long as the service runs, a copy of it elsewhere does not."""
    if not seen.running or seen.same_database or database_before(plan, seen) is None:
        return []
    names = plan.description.environment
    own = ", ".join(filter(None, (names.database_host, names.database_port, names.database_name)))
    what = (
        f"the running version keeps its keys in another database than {plan.database.dbname} on"
        f" {plan.database.host}, as far as can be seen: the rows there are older"
    )
    remedy = (
        f"Keep to its own ({own} of {plan.env_live}). To move: stop it"
        f" (as {plan.service_user}: pm2 stop {shlex.quote(plan.service_app)}), copy its rows, run again"
    )
    return [Refusal("database", what, plan.env_live, remedy)]


def _flag_refusals(plan: Plan, seen: Seen) -> list[Refusal]:
    """The staged .env must say what was declared, and lead to the database of the plan."""
    names = [] if seen.env_next is None else undeclared(plan, seen.env_next)
    remedy = "Stage it again: rollout apply (role flags)"
    return [Refusal("env", f"{one} is not as declared", plan.env_next, remedy) for one in names]


def declared(plan: Plan) -> dict[str, str]:
    """What an .env has to say: the plan's flags and its database."""
    names = database_of(plan.description.environment)
    return {**plan.flags} | {name: str(getattr(plan.database, key)) for name, key in names.items()}


def undeclared(plan: Plan, values: Mapping[str, str]) -> list[str]:
    """Names in an .env whose values are not those of the plan."""
    return [name for name, value in declared(plan).items() if values.get(name) != value]
