"""Commands about encrypted backups of the tables."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from sessionstore.commands.output import OK, actions_of, emit
from sessionstore.commands.plan import read_plan, takes_plan
from sessionstore.errors import BackupProblem


def add(commands: Any) -> None:
    backups = commands.add_parser(
        "backup",
        help="encrypted backups of the tables",
        description="NAME.dump.zst.age is what pg_dump wrote, encrypted; NAME.backup.json has the"
        " hash of every table's rows.",
    )
    actions = actions_of(backups)
    create = actions.add_parser(
        "create",
        help="dump the tables, encrypted",
        description="Dumps the service's tables as they are in one snapshot. A backup of this name"
        " is kept where the tables are still what it holds; else refused.",
        epilog="exit codes: 0 backed up, 1 error, 6 another run is writing there",
    )
    create.add_argument("--out", required=True, help="an existing directory, for two files")
    create.add_argument("--name", required=True, help="of the backup, without an ending")
    create.add_argument("--recipient", action="append", required=True, help="age recipient")
    takes_plan(create, _create)
    check = actions.add_parser(
        "check",
        help="restore it into a scratch database and compare",
        description="Restores a backup into a database of its own, compares every table's rows"
        " with the manifest, and drops that database. Any server will do, with a role that may"
        " create databases.",
        epilog="exit codes: 0 restored and equal, 1 not",
    )
    check.add_argument("backup", help="the file NAME.dump.zst.age")
    check.add_argument("--manifest", required=True, help="the file NAME.backup.json")
    check.add_argument("--identity", required=True, help="file with an age identity")
    takes_plan(check, _check)
    for parser in (create, check):
        parser.add_argument("--programs", help="directory of pg_dump and pg_restore")


def _create(arguments: argparse.Namespace) -> int:
    from sessionstore.backup import dump
    from sessionstore.database import connection

    settings = read_plan(arguments)["database"]
    with connection.connect(settings) as conn:
        report = dump.take(
            conn,
            settings,
            arguments.out,
            arguments.name,
            arguments.recipient,
            programs=arguments.programs,
        )
        if report.reused and not dump.is_of_now(conn, report.manifest):
            remedy = "Choose another one: --name"
            what = "there is a backup of this name already, and the tables have changed since"
            raise BackupProblem(what, report.backup, remedy)
    emit("result", outcome=report.outcome, **asdict(report))
    return OK


def _check(arguments: argparse.Namespace) -> int:
    from sessionstore.backup import check as backup_check

    report = backup_check.check(
        arguments.backup,
        arguments.manifest,
        arguments.identity,
        read_plan(arguments)["database"],
        programs=arguments.programs,
    )
    emit("result", outcome="restored and equal", **asdict(report))
    return OK
