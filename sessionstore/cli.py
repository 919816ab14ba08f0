"""Commands: ``python -m sessionstore``, and ``baileys-hostswitch store`` on a host.

JSON lines on standard output, progress for people on standard error. Exit codes: 0 done or
nothing to do, 1 error, 2 changes needed or not proven, 3 refused and nothing changed, 6
somebody else holds the lock. Secrets come on standard input only, as one JSON document.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NoReturn

from sessionstore import archive
from sessionstore.descriptors import closing, open_directory
from sessionstore.errors import Refused, StoreError, printable
from sessionstore.scan import scan_directory
from sessionstore.tree import CompanyScan, DirectoryScan

OK, ERROR, CHANGES = 0, 1, 2
MIGRATE = ("plan", "deploy", "verify", "revert", "adopt", "status")


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Args:
        argv: the arguments after the program's name.

    Returns:
        The exit code.
    """
    try:
        arguments = _parser().parse_args(argv)
        code: int = arguments.run(arguments)
        return code
    except StoreError as error:
        reasons = list(error.reasons) if isinstance(error, Refused) else [error.what]
        emit(
            "error",
            error=str(error),
            kind=type(error).__name__,
            what=error.what,
            where=error.where,
            remedy=error.remedy,
            reasons=reasons,
        )
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except _UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return ERROR
    except BrokenPipeError:
        return ERROR


def emit(event: str, **fields: object) -> None:
    """Write one event as a JSON line.

    Args:
        event: its name.
        **fields: what belongs to it.
    """
    # ASCII only: a file name that is not UTF-8 must not end the program here.
    print(json.dumps({"event": event, **fields}, default=str), flush=True)


class _UsageError(Exception):
    """Arguments or input that make no sense."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{message}\n{self.format_usage().rstrip()}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sessionstore",
        description="Session data of a Baileys service: scan, account, prove, archive, migrate.",
        epilog="Exit codes: 0 done, 1 error, 2 changes needed or not proven, 3 refused, 6 locked.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    scan = commands.add_parser("scan", help="list what a directory of session files holds")
    scan.add_argument("path", help="the directory; not a symlink")
    scan.add_argument("--company", help="whose files they are when they lie in it directly")
    scan.set_defaults(run=_scan)
    for name, run, text in (
        ("account", _account, "account for every file against the database"),
        ("prove", _prove, "prove that an import is equal to its files, now"),
    ):
        _plan(commands.add_parser(name, help=text), run)
    _archive_commands(commands)
    migrate = commands.add_parser("migrate", help="the schema's migrations")
    migrate.add_argument("action", choices=MIGRATE)
    migrate.add_argument("--to", help="revert: the last migration to keep, or nothing")
    migrate.add_argument("--dry-run", action="store_true", help="do it, then roll it back")
    _plan(migrate, _migrate)
    return parser


def _archive_commands(commands: Any) -> None:
    archives = commands.add_parser("archive", help="encrypted archives of directories")
    actions = archives.add_subparsers(metavar="ACTION", required=True, parser_class=_Parser)
    create = actions.add_parser("create", help="archive a directory")
    create.add_argument("directory")
    create.add_argument("--out", required=True, help="an existing directory")
    create.add_argument("--name", required=True, help="of the archive")
    create.add_argument("--recipient", action="append", required=True, help="age recipient")
    create.set_defaults(run=_archive_create)
    check = actions.add_parser("check", help="open an archive and compare all of it")
    check.add_argument("archive", help="the file, or - for standard input")
    check.add_argument("--manifest", required=True)
    check.add_argument("--identity", required=True, help="file with an age identity")
    check.set_defaults(run=_archive_check)
    verify = actions.add_parser("verify", help="hash an archive on the disk again")
    verify.add_argument("archive")
    verify.add_argument("--manifest", required=True)
    verify.set_defaults(run=_archive_verify)


def _plan(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument(
        "--plan", required=True, choices=["-"], help="JSON on standard input: database and more"
    )
    parser.set_defaults(run=run)


def _read_plan(*needed: str) -> dict[str, Any]:
    try:
        plan = json.load(sys.stdin)
    except ValueError:
        raise _UsageError("standard input is not a JSON document") from None
    if not isinstance(plan, dict) or not isinstance(plan.get("database"), dict):
        raise _UsageError('the plan must be an object with "database"')
    missing = [name for name in needed if name not in plan]
    if missing:
        raise _UsageError(f"the plan lacks {', '.join(missing)}")
    return plan


def _scan(arguments: argparse.Namespace) -> int:
    with scan_directory(arguments.path, flat_company=arguments.company) as scan:
        for company in scan.companies:
            emit("company", **_company_fields(company))
        for problem in _problems(scan):
            emit("problem", **problem)
        blocking = sum(1 for problem in _problems(scan) if problem["blocks"])
        emit(
            "result",
            outcome="blocked" if blocking else "importable",
            directory=scan.label,
            companies=len(scan.companies),
            files=scan.file_count,
            others=len(scan.others),
            bytes=scan.bytes,
            allocated=scan.allocated,
            blocking=blocking,
        )
        words = f"{len(scan.companies)} companies, {scan.file_count} files, {blocking} blocking"
        print(f"{printable(scan.label)}: {words}", file=sys.stderr)
    return CHANGES if blocking else OK


def _company_fields(company: CompanyScan) -> dict[str, object]:
    times = [entry.mtime_ns / 1e9 for entry in company.files]
    return {
        "company": company.company_id,
        "directory": company.directory,
        "credentials": company.credentials is not None,
        "keys": company.keys,
        "by_type": company.by_type,
        "bytes": sum(entry.size for entry in company.files),
        "oldest": min(times, default=None),
        "newest": max(times, default=None),
    }


def _problems(scan: DirectoryScan) -> list[dict[str, Any]]:
    every = [*scan.problems, *(one for company in scan.companies for one in company.problems)]
    return [problem._asdict() for problem in every]


def _account(_: argparse.Namespace) -> int:
    from sessionstore import accounting, database

    plan = _read_plan("directory", "kind")
    with database.connect(plan["database"]) as conn, scan_directory(plan["directory"]) as scan:
        answer = accounting.account(
            conn,
            scan,
            plan["kind"],
            company_ids=plan.get("companies", []),
            acknowledge=plan.get("acknowledge"),
        )
    for disposition in answer.dispositions:
        emit("file", **asdict(disposition))
    decision = answer.decision
    outcome = "removable" if decision.removable else "blocked"
    emit("result", outcome=outcome, directory=plan["directory"], **asdict(decision))
    return OK if decision.removable else CHANGES


def _prove(_: argparse.Namespace) -> int:
    from sessionstore import database, importing

    plan = _read_plan("directory", "import_id")
    with database.connect(plan["database"]) as conn, scan_directory(plan["directory"]) as scan:
        proof = importing.prove(conn, plan["import_id"], scan)
    emit("result", outcome="proven" if proof.ok else "not proven", **asdict(proof))
    return OK if proof.ok else CHANGES


def _archive_create(arguments: argparse.Namespace) -> int:
    with closing(open_directory(arguments.directory)) as fd:
        report = archive.create(fd, arguments.out, arguments.name, arguments.recipient)
    emit("result", outcome="reused" if report.reused else "archived", **asdict(report))
    return OK


def _archive_check(arguments: argparse.Namespace) -> int:
    report = archive.check(arguments.archive, arguments.manifest, arguments.identity)
    emit("result", outcome="checked", **asdict(report))
    return OK


def _archive_verify(arguments: argparse.Namespace) -> int:
    manifest = archive.verify_on_disk(arguments.archive, arguments.manifest)
    emit("result", outcome="verified on disk", files=manifest.files, bytes=manifest.bytes)
    return OK


def _migrate(arguments: argparse.Namespace) -> int:
    from sessionstore import database, migration_plan, migrations

    plan = _read_plan()
    if "migrations" not in plan and "directory" not in plan:
        raise _UsageError("the plan lacks migrations, or the directory that holds them")
    inline = plan.get("migrations")
    source = plan["directory"] if inline is None else migration_plan.from_plan(inline)
    with database.connect(plan["database"]) as conn:
        runner = migrations.Runner(conn, source, **plan.get("limits", {}))
        if arguments.action == "revert":
            if not arguments.to:
                raise _UsageError("revert needs --to MIGRATION, the last one to keep")
            steps = runner.revert(to=arguments.to, dry_run=arguments.dry_run)
        elif arguments.action == "deploy":
            steps = runner.deploy(dry_run=arguments.dry_run)
            if plan.get("grant_rows_to") and not arguments.dry_run:
                migrations.grant_rows(conn, str(plan["grant_rows_to"]))
        else:
            steps = getattr(runner, arguments.action)()
    for step in steps:
        emit("migration", **asdict(step))
    waiting = [step for step in steps if step.action in ("deploy", "adopt")]
    changes = arguments.action in ("plan", "status") and bool(waiting)
    sentences = [f"{step.action} {step.name}" for step in waiting]
    outcome = _outcome(arguments, bool(steps), changes)
    emit("result", outcome=outcome, steps=len(steps), changes=sentences)
    return CHANGES if changes else OK


def _outcome(arguments: argparse.Namespace, any_steps: bool, changes: bool) -> str:
    if arguments.action in ("plan", "status", "verify"):
        return "changes needed" if changes else "nothing to do"
    if not any_steps:
        return "nothing to do"
    return "rolled back" if arguments.dry_run else "done"
