"""The command that finds rows filed under names that the service never asks for."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from sessionstore.commands.output import CHANGES, OK, UsageError, emit, tell
from sessionstore.commands.plan import read_plan, takes_plan
from sessionstore.errors import DirectoryProblem, Refused, printable
from sessionstore.inspection.misfiled import CompanyRows, find, without_rows
from sessionstore.keys.names import is_company_id, no_company_id

if TYPE_CHECKING:
    from sessionstore.database.connection import Connection
    from sessionstore.inspection.correctable import CompanyTimes, Window

_ABOUT = """\
Finds rows that an importer filed under names that the service never asks for, and shows what each
should be.
With --plan it writes the correction as SQL for you to review and run; it runs nothing itself."""


def add(commands: Any) -> None:
    """Add this command.

    Args:
        commands: the parser's commands.
    """
    parser = commands.add_parser(
        "misfiled",
        help="find rows that an importer filed under wrong names",
        description=_ABOUT,
        epilog="exit codes: 0 none, or all corrections written; 2 some; 3 none may be corrected",
    )
    parser.add_argument("--company", action="append", help="only this one; may be repeated")
    parser.add_argument("--plan", metavar="FILE", help="write the correction there, as SQL")
    for name in ("began", "ended"):
        parser.add_argument(
            f"--import-{name}",
            metavar="TIME",
            type=_time,
            help=f"when the importer {name}, ISO 8601 with a time zone; see the refusal",
        )
    takes_plan(parser, _misfiled, by_option=False)


def _time(text: str) -> float:
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"not a time such as 2025-11-07T20:07:34Z: {text}"
        ) from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"a time without a time zone: {text}")
    return at.timestamp()


def _misfiled(arguments: argparse.Namespace) -> int:
    from sessionstore.database import connection
    from sessionstore.inspection.correctable import Window

    _refuse(arguments)
    plan = read_plan(arguments)
    with (
        connection.connect(plan["database"]) as conn,
        connection.transaction(conn, "looking for misfiled rows", isolation="REPEATABLE READ"),
    ):
        found = find(conn, arguments.company)
        missing = without_rows(conn, arguments.company or ())
        if missing:
            raise Refused(f"the database has no row of company {missing[0]}", "whatsapp_keys")
        for company in found:
            _show(company)
        wrong = [company for company in found if company.misfiled]
        if arguments.plan and wrong:
            window = Window(arguments.import_began, arguments.import_ended)
            return _offer(conn, wrong, window, arguments.plan)
    rows = sum(len(company.misfiled) for company in found)
    unknown = sum(len(company.unknown) for company in found)
    outcome = "misfiled" if rows else "nothing to do"
    emit("result", outcome=outcome, companies=len(wrong), misfiled=rows, unknown=unknown)
    return CHANGES if rows else OK


def _refuse(arguments: argparse.Namespace) -> None:
    if arguments.plan in ("-", ""):
        raise UsageError("--plan names the file that the correction is written to")
    wrong = [one for one in arguments.company or () if not is_company_id(one)]
    if wrong:
        raise UsageError(
            f"--company {printable(wrong[0])} is no bare id. {no_company_id(wrong[0])}"
        )
    began, ended = arguments.import_began, arguments.import_ended
    if began is not None and ended is not None and began > ended:
        raise UsageError("--import-began is later than --import-ended")
    if max(began or 0.0, ended or 0.0) > time.time():
        raise UsageError("the importer has run: --import-began and --import-ended are in the past")


def _offer(conn: Connection, found: Sequence[CompanyRows], window: Window, file: str) -> int:
    from sessionstore.inspection import correctable, correction

    good: list[CompanyTimes] = []
    refused: list[str] = []
    for company in found:
        times = correctable.read_facts(conn, company.company_id)
        reasons = correctable.objections(times, window)
        emit("correction", company=company.company_id, offered=not reasons, reasons=reasons)
        refused.extend(f"company {company.company_id}: {reason}" for reason in reasons)
        if not reasons:
            good.append(times)
    if not good:
        raise Refused(
            f"no correction is offered: {refused[0]}",
            remedy="Nothing was changed. Import the company's newest files into an empty database,"
            " or pair it anew.",
            reasons=refused,
        )
    now = datetime.now(timezone.utc)
    backup = f"whatsapp_keys_misfiled_{now:%Y%m%d_%H%M%S}"
    at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    _write_new(file, correction.correction(good, correctable.columns(conn), backup, at))
    for reason in refused:
        tell(f"not offered: {printable(reason)}")
    tell(f"Written to {printable(file)}: review it, stop the service, then run it.")
    rows = sum(len(company.misfiled) for company in good)
    emit("result", outcome="written", file=file, backup=backup, rows=rows, refused=refused)
    return CHANGES if refused else OK


def _write_new(path: str, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        remedy = "Name a file that is not there yet."
        raise DirectoryProblem(f"cannot write the file: {error.strerror}", path, remedy) from None


def _show(company: CompanyRows) -> None:
    for one in company.misfiled:
        emit(
            "misfiled",
            company=company.company_id,
            key_type=one.row.key_type,
            key_id=one.row.key_id,
            right_type=one.right.key_type,
            right_id=one.right.key_id,
            cause=one.cause,
        )
    for row in company.unknown:
        emit("unknown", company=company.company_id, key_type=row.key_type, key_id=row.key_id)
    emit(
        "company",
        company=company.company_id,
        misfiled=len(company.misfiled),
        unknown=len(company.unknown),
        by_cause=company.by_cause,
    )
    for line in _lines(company):
        tell(line)


def _lines(company: CompanyRows) -> list[str]:
    lines = [f"company {printable(company.company_id)}"]
    for cause, count in sorted(company.by_cause.items()):
        example = next(one for one in company.misfiled if one.cause == cause)
        lines.append(f"  {count:,} rows: {cause}, such as")
        lines.append(f"    {_name(*example.row)} which should be {_name(*example.right)}")
    if company.unknown:
        lines.append(f"  {len(company.unknown):,} rows of unknown types, such as")
        lines.append(f"    {_name(*company.unknown[0])}; left alone")
    return lines


def _name(key_type: str, key_id: str) -> str:
    return printable(f"({key_type}, {key_id})")
