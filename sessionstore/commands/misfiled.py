"""The command that finds rows filed under names that the service never asks for."""

from __future__ import annotations

import argparse
from typing import Any

from sessionstore.commands.output import CHANGES, OK, UsageError, emit, tell
from sessionstore.commands.plan import read_plan, takes_plan
from sessionstore.errors import Refused, printable
from sessionstore.inspection.misfiled import WAY_ON, CompanyRows, find, without_rows
from sessionstore.keys.names import is_company_id, no_company_id

_ABOUT = """\
Finds rows that an importer filed under names that the service never asks for, and shows what each
should be. It changes nothing."""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "misfiled",
        help="find rows that an importer filed under wrong names",
        description=_ABOUT,
        epilog="exit codes: 0 none; 2 some; 3 no row of that company",
    )
    parser.add_argument("--company", action="append", help="only this one; may be repeated")
    takes_plan(parser, _misfiled, by_option=False)


def _misfiled(arguments: argparse.Namespace) -> int:
    from sessionstore.database import connection

    wrong = [one for one in arguments.company or () if not is_company_id(one)]
    if wrong:
        raise UsageError(
            f"--company {printable(wrong[0])} is no bare id. {no_company_id(wrong[0])}"
        )
    plan = read_plan(arguments)
    with (
        connection.connect(plan["database"]) as conn,
        connection.transaction(conn, "looking for misfiled rows", isolation="REPEATABLE READ"),
    ):
        found = find(conn, arguments.company)
        missing = without_rows(conn, arguments.company or ())
        if missing:
            raise Refused(
                f"the database has no row of company {missing[0]}", conn.tables.keys.table
            )
        for company in found:
            _show(company)
    rows = sum(len(company.misfiled) for company in found)
    unknown = sum(len(company.unknown) for company in found)
    if rows:
        tell(f"{WAY_ON}.")
    emit(
        "result",
        outcome="misfiled" if rows else "nothing to do",
        companies=sum(bool(company.misfiled) for company in found),
        misfiled=rows,
        unknown=unknown,
    )
    return CHANGES if rows else OK


def _show(company: CompanyRows) -> None:
    name = company.company_id
    for one in company.misfiled:
        right = {"right_type": one.right.key_type, "right_id": one.right.key_id}
        emit("misfiled", company=name, **one.row._asdict(), **right, cause=one.cause)
    for row in company.unknown:
        emit("unknown", company=name, **row._asdict())
    counts = {"misfiled": len(company.misfiled), "unknown": len(company.unknown)}
    emit("company", company=name, **counts, by_cause=company.by_cause)
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
