"""The schema, migrated by one named host before anything else is staged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api.command import StringCommand

from roles.hostprogram.command import installed_command
from roles.hostprogram.plan import backup_plan, database, new_rollout_id
from roles.hostprogram.step import host_program_step
from roles.hostprogram.steps import MIGRATE
from roles.shared.shell import failing

MIGRATIONS = Path(__file__).parent / "migrations"
PARTS = ("deploy", "verify", "revert")


def migrations() -> list[dict[str, str]]:
    """Every migration in order: ``name`` and the SQL of ``deploy``, ``verify`` and ``revert``."""
    # Of every part: a migration that lost its deploy script must be refused, not passed over.
    names = {path.name for part in PARTS for path in (MIGRATIONS / part).glob("*.sql")}
    return [
        {"name": name.removesuffix(".sql"), **{part: sql_of(part, name) for part in PARTS}}
        for name in sorted(names)
    ]


def sql_of(part: str, file_name: str) -> str:
    """One script's text; a missing one is empty, and the runner refuses it by name."""
    path = MIGRATIONS / part / file_name
    return path.read_text() if path.exists() else ""


def migration_plan() -> dict[str, Any]:
    """What the migrations runner gets on standard input; the owner's password is in it."""
    data = host.data.dict()
    return {
        "database": database(data, "owner"),
        "migrations": migrations(),
        "limits": {"lock_wait": data["schema_lock_wait_seconds"]},
        "grant_rows_to": data["database_app_user"],
        "backup": {
            **backup_plan(data),
            "directory": f"{data['archive_directory']}/{data.get('rollout_id') or new_rollout_id()}",
            "recipients": list(data["archive_recipients"]),
        },
    }


def deployed(command: str, plan: Mapping[str, Any]) -> StringCommand:
    """Migrate on the host that is named for it; another one fails until that one has migrated.

    ``_run_once`` would pick any host, and skip silently when that one had failed (docs/facts.md
    section 5, "Two phases").
    """
    if host.name == host.data.schema_host:
        return installed_command(command, plan)
    remedy = f"rollout apply {host.data.environment} --host {host.data.schema_host}"
    return failing(f"the schema is not known to be up to date → {remedy}")


migrate = host_program_step(MIGRATE, plan=migration_plan, act=deployed)
