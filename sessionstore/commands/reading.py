"""Commands that read a directory of session files and touch nothing."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from sessionstore.commands.shared import CHANGES, OK, UsageError, emit, tell
from sessionstore.errors import printable
from sessionstore.grammar import is_company_id
from sessionstore.scan import scan_directory
from sessionstore.scan_figures import all_of, figures_of, problems_of, table
from sessionstore.tree import CompanyScan, DirectoryScan


def add(commands: Any) -> None:
    """Add these commands.

    Args:
        commands: the parser's commands.
    """
    scan = commands.add_parser(
        "scan",
        help="list what a directory of session files holds",
        description="Lists companies, keys of each type, bytes, oldest and newest change, and all"
        " that is not understood. Reads every file, needs no database, and changes nothing.",
        epilog="exit codes: 0 all is understood, 2 something blocks an import, 3 no such directory",
    )
    scan.add_argument("path", help="the directory; not a symlink")
    scan.add_argument("--company", help="whose files they are when they lie in it directly")
    scan.add_argument("--table", action="store_true", help="a table for people, not JSON")
    scan.set_defaults(run=_scan)


def _scan(arguments: argparse.Namespace) -> int:
    company = arguments.company
    if company is not None and not is_company_id(company):
        raise UsageError(f"--company {printable(company)}: give the bare id, without company_")
    with scan_directory(arguments.path, flat_company=company) as scan:
        problems = problems_of(scan)
        blocking = sum(1 for problem in problems if problem.blocks)
        if arguments.table:
            for line in table(scan):
                print(line)
        else:
            _events(scan, blocking)
        words = f"{len(scan.companies)} companies, {scan.file_count:,} files, {blocking} blocking"
        tell(f"{printable(scan.label)}: {words}")
    return CHANGES if blocking else OK


def _events(scan: DirectoryScan, blocking: int) -> None:
    for company in scan.companies:
        emit("company", **_company_fields(company))
    for problem in problems_of(scan):
        emit("problem", **problem._asdict())
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


def _company_fields(company: CompanyScan) -> dict[str, object]:
    figures = figures_of(company)
    return {
        "company": company.company_id,
        "directory": company.directory,
        "credentials": company.credentials is not None,
        "keys": company.keys,
        **asdict(all_of(figures.values())),
        "by_type": {sort: asdict(one) for sort, one in figures.items()},
    }
