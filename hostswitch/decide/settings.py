"""What in the next .env forbids a switch: another provider, another database, an undeclared flag. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from hostswitch.base.errors import Refusal
from hostswitch.decide.seen import Seen, effective, following, unclear
from hostswitch.envfile.values import OLDER_SWITCH, POSTGRES, PROVIDERS, on_postgres, providers
from hostswitch.plan import Plan

_DATABASE_NAMES = {
    "POSTGRES_HOST": "host",
    "POSTGRES_PORT": "port",
    "POSTGRES_DATABASE": "dbname",
    "POSTGRES_USER": "user",
    "POSTGRES_PASSWORD": "password",
}


def refusals(plan: Plan, seen: Seen, *, cut_over: bool) -> list[Refusal]:
    return [
        *_unclear_refusals(plan, seen),
        *_provider_refusals(plan, seen, cut_over),
        *_moved_refusals(plan, seen),
        *_flag_refusals(plan, seen),
    ]


def _unclear_refusals(plan: Plan, seen: Seen) -> list[Refusal]:
    """Where no flag says it, files may be years old and the keys somewhere else."""
    values = effective(plan, seen)
    names = [] if seen.unused else unclear(values)
    if not names:
        return []
    shown = [f"{n} is {'neither true nor false' if n in values else 'unset'}" for n in names]
    line = json.dumps(dict.fromkeys(names, "TRUE OR FALSE"))
    remedy = (
        "Some versions keep their keys in another store then, and files are old. Find out where this one"
        f" does; then, as it reads them, in group_vars/{plan.environment}/settings.yml:"
        f" flags_as_read: {line}"
    )
    what = f"it is not known where the running version keeps its keys: {', '.join(shown)}"
    return [Refusal("providers", what, plan.env_live, remedy)]


def _provider_refusals(plan: Plan, seen: Seen, cut_over: bool) -> list[Refusal]:
    chosen = providers(following(plan, seen))
    values = effective(plan, seen)
    before = providers(values)
    where = plan.env_next
    if len(chosen) != 1:
        what = "no auth provider is true" if not chosen else "two auth providers are true"
        remedy = f"Set exactly one of {' and '.join(PROVIDERS)} to true in flags.yml"
        return [Refusal("providers", what, where, remedy)]
    if cut_over and chosen != (POSTGRES,):
        remedy = "Set USE_REPOSITORY_PATTERN=true and USE_LEGACY_SUPABASE=false in flags.yml"
        return [Refusal("providers", "a cut-over goes to PostgreSQL", where, remedy)]
    if cut_over and values.get(OLDER_SWITCH, "false") != "false":
        before = (OLDER_SWITCH,)
    if cut_over and before:
        remedy = "Find out where the company's keys really are; files of another provider are old"
        what = f"files are to be imported, but the service does not run on files: see {before[0]}"
        return [Refusal("providers", what, plan.env_live, remedy)]
    if before and before != chosen:
        remedy = f"Keep {before[0]}=true; provider flags change data, only a cut-over switches them"
        return [Refusal("providers", f"the provider would change from {before[0]}", where, remedy)]
    return []


def database_before(plan: Plan, values: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Host, port and name of the database of a version on PostgreSQL, where they are not the plan's."""
    if not on_postgres(values) and values.get(OLDER_SWITCH, "false") == "false":
        return None
    host, port, name = (values.get(f"POSTGRES_{one}", "") for one in ("HOST", "PORT", "DATABASE"))
    found = (host, port or "5432", name)
    declared = (plan.database.host, str(plan.database.port), plan.database.dbname)
    return None if found == declared else found


def _moved_refusals(plan: Plan, seen: Seen) -> list[Refusal]:
    """What one database gets as long as the service runs, a copy of it elsewhere does not."""
    if (
        not seen.running
        or seen.same_database
        or database_before(plan, effective(plan, seen)) is None
    ):
        return []
    what = (
        f"the running version keeps its keys in another database than {plan.database.dbname} on"
        f" {plan.database.host}, as far as can be seen: the rows there are older"
    )
    remedy = (
        f"Keep to its own (POSTGRES_HOST, _PORT and _DATABASE of {plan.env_live}). To move: stop it"
        f" (as {plan.service_user}: pm2 stop {shlex.quote(plan.service_app)}), copy its rows, run again"
    )
    return [Refusal("database", what, plan.env_live, remedy)]


def _flag_refusals(plan: Plan, seen: Seen) -> list[Refusal]:
    """The staged .env must say what was declared, and lead to the database of the plan."""
    remedy = "Stage it again: rollout apply (role flags)"
    return [
        Refusal("env", f"{name} is not as declared", plan.env_next, remedy)
        for name in ([] if seen.env_next is None else undeclared(plan, seen.env_next))
    ]


def undeclared(plan: Plan, values: Mapping[str, str]) -> list[str]:
    """Names in an .env whose values are not those of the plan: its flags, on PostgreSQL its database too."""
    wanted = dict(plan.flags)
    if on_postgres(values):
        wanted |= {name: str(getattr(plan.database, key)) for name, key in _DATABASE_NAMES.items()}
    return [name for name, value in wanted.items() if values.get(name) != value]
