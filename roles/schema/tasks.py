"""The schema, migrated by one named host before anything else is staged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from roles.hostprogram.ask import Question, ask
from roles.hostprogram.command import installed_command
from roles.hostprogram.plan import backup_plan, database, new_rollout_id

MIGRATIONS = Path(__file__).parent / "migrations"


def migrations() -> list[dict[str, str]]:
    """Every migration in order: ``name`` and the SQL of ``deploy``, ``verify`` and ``revert``."""
    # Of every part: a migration that lost its deploy script must be refused, not passed over.
    names = {path.name for part in PARTS for path in (MIGRATIONS / part).glob("*.sql")}
    return [
        {"name": name.removesuffix(".sql"), **{part: sql_of(part, name) for part in PARTS}}
        for name in sorted(names)
    ]


PARTS = ("deploy", "verify", "revert")


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


def question() -> Question:
    """Is the schema up to date?"""
    return Question("store migrate plan --plan -", migration_plan())


@operation()
def migrated() -> Iterator[StringCommand]:
    """Bring the schema up to the migrations of this checkout, on the host that is named for it.

    ``_run_once`` would pick any host, and skip silently when that one had failed (docs/facts.md
    section 5, "Two phases"). Another host fails until the named one has migrated.
    """
    if ask(question())["exit"] == 0:
        host.noop("the schema is up to date")
        return
    if host.name != host.data.schema_host:
        remedy = f"rollout apply {host.data.environment} --host {host.data.schema_host}"
        yield StringCommand(
            "echo",
            QuoteString(f"the schema is not known to be up to date → {remedy}"),
            ">&2; exit 1",
        )
        return
    yield installed_command("store migrate deploy --plan -", migration_plan())


def migrate() -> None:
    """The schema's step."""
    migrated(name="Migrate the schema")
