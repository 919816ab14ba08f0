"""The command that brings the schema up to its migrations, or tells what is missing."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sessionstore.commands.output import CHANGES, OK, UsageError, emit
from sessionstore.commands.plan import read_plan, takes_plan

if TYPE_CHECKING:
    from sessionstore.database.connection import Connection
    from sessionstore.migrations.runner import Runner

_CHANGING = ("deploy", "adopt", "revert")
_ACTIONS = ("plan", "verify", "status", *_CHANGING)
_ABOUT = """\
Brings the schema up to its migrations, or tells what is missing. Each is three scripts of one
name, deploy/NAME.sql, verify/NAME.sql and revert/NAME.sql; deploy, verify and record are one
transaction.

  status   what the database has, and what it lacks
  plan     what deploy would do, and why: what verify says of what is there
  deploy   applies what is missing; adopts what is there and passes verify
  adopt    records what is there and passes verify; runs nothing
  verify   runs every verify script again
  revert   undoes the newest down to --to NAME, which stays; --to nothing undoes all"""


def add(commands: Any) -> None:
    migrate = commands.add_parser(
        "migrate",
        help="the schema's migrations",
        description=_ABOUT,
        epilog="exit codes: 0 done, 1 error, 2 something is missing, 6 another run is at work",
    )
    migrate.add_argument("action", choices=_ACTIONS, help="see above")
    migrate.add_argument("--to", help="revert: the last migration to keep, or nothing")
    migrate.add_argument("--dry-run", action="store_true", help="do it, then roll it back")
    fields = ("directory", "migrations", "limits", "grant_rows_to", "backup")
    takes_plan(migrate, _migrate, optional=fields)


def _migrate(arguments: argparse.Namespace) -> int:
    from sessionstore.database import connection
    from sessionstore.migrations import plan as migration_plan
    from sessionstore.migrations import runner as migrations

    if (arguments.action == "revert") != bool(arguments.to):
        raise UsageError("revert needs --to MIGRATION, the last one to keep; nothing else takes it")
    if arguments.dry_run and arguments.action not in _CHANGING:
        raise UsageError(f"{arguments.action} changes nothing; --dry-run is for the others")
    plan = read_plan(arguments)
    if "migrations" not in plan and "directory" not in plan:
        raise UsageError("the plan lacks migrations, or the directory that holds them")
    inline = plan.get("migrations")
    source = plan["directory"] if inline is None else migration_plan.from_plan(inline)
    with connection.connect(plan["database"]) as conn:
        runner = migrations.Runner(conn, source, **plan.get("limits", {}))
        if arguments.action in _CHANGING and not arguments.dry_run:
            _back_up(conn, plan, runner, arguments)
        if arguments.action == "revert":
            steps = runner.revert(to=arguments.to, dry_run=arguments.dry_run)
        elif arguments.action == "deploy":
            steps = runner.deploy(dry_run=arguments.dry_run)
            if plan.get("grant_rows_to") and not arguments.dry_run:
                migrations.grant_rows(conn, plan["grant_rows_to"])
        elif arguments.action == "adopt":
            steps = runner.adopt(dry_run=arguments.dry_run)
        else:
            steps = getattr(runner, arguments.action)()
    for step in steps:
        emit("migration", **asdict(step))
    waiting = [step for step in steps if step.action in ("deploy", "adopt")]
    changes = arguments.action not in _CHANGING and bool(waiting)
    sentences = [f"{step.action} {step.name}" for step in waiting]
    outcome = _outcome(arguments, bool(steps), changes)
    emit("result", outcome=outcome, steps=len(steps), changes=sentences)
    return CHANGES if changes else OK


def _back_up(
    conn: Connection, plan: dict[str, Any], runner: Runner, arguments: argparse.Namespace
) -> None:
    """Make the backup that the plan asks for, unless nothing is going to change."""
    from sessionstore.backup import dump

    wanted, action = plan.get("backup"), arguments.action
    to_do = runner.to_revert(arguments.to) if action == "revert" else runner.plan()
    if not wanted or not to_do:
        return
    if wanted["method"] == "provider":
        emit("backup", outcome="provider", reason=wanted["reason"])
        return
    os.makedirs(wanted["directory"], mode=0o700, exist_ok=True)
    where = (wanted["directory"], f"database-before-{action}", wanted["recipients"])
    report = dump.take(conn, plan["database"], *where)
    emit("backup", outcome=report.outcome, **asdict(report))


def _outcome(arguments: argparse.Namespace, any_steps: bool, changes: bool) -> str:
    if changes:
        return "changes needed"
    if arguments.action == "verify":
        return "verified"
    if not any_steps:
        return "nothing to do"
    return "rolled back" if arguments.dry_run else "done"
