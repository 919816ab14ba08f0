"""The command that finds rows filed under names that the service never asks for."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from sessionstore.commands.shared import CHANGES, OK, emit, read_plan
from sessionstore.errors import printable
from sessionstore.misfiled import CompanyRows, find


def add(commands: Any) -> None:
    """Add this command.

    Args:
        commands: the parser's commands.
    """
    about = "find rows that an importer filed under wrong names"
    parser = commands.add_parser(
        "misfiled", help=about, description=f"{about}; the plan is JSON on standard input"
    )
    parser.add_argument("--company", action="append", help="only this one; may be repeated")
    parser.set_defaults(run=_misfiled)


def _misfiled(arguments: argparse.Namespace) -> int:
    from sessionstore import database

    plan = read_plan()
    with database.connect(plan["database"]) as conn:
        found = find(conn, arguments.company)
    for company in found:
        _show(company)
    rows = sum(len(company.misfiled) for company in found)
    unknown = sum(len(company.unknown) for company in found)
    outcome = "misfiled" if rows else "nothing to do"
    emit("result", outcome=outcome, companies=len(found), misfiled=rows, unknown=unknown)
    return CHANGES if rows else OK


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
        print(line, file=sys.stderr)


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
