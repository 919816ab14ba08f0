"""Commands that read a directory of session files and touch nothing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sessionstore.commands.output import CHANGES, OK, UsageError, emit, tell
from sessionstore.errors import printable
from sessionstore.keys.names import is_company_id, no_company_id
from sessionstore.scan.figures import all_of, figures_of, problems_of, table
from sessionstore.scan.layout import Layout
from sessionstore.scan.result import CompanyScan, DirectoryScan
from sessionstore.scan.scan import scan_directory


def add(commands: Any) -> None:
    scan = commands.add_parser(
        "scan",
        help="list what a directory of session files holds",
        description="Lists companies, keys of each type, bytes, oldest and newest change, and all"
        " that is not understood. Reads every file, needs no database, and changes nothing.",
        epilog="exit codes: 0 all is understood, 2 something blocks an import, 3 no such directory",
    )
    scan.add_argument("path", help="the directory; not a symlink")
    scan.add_argument(
        "--company",
        action="append",
        metavar="[DIRECTORY=]ID",
        help="whose files they are that lie in it directly, or in a directory that is not called"
        " company_ID; may be repeated",
    )
    scan.add_argument(
        "--litter", action="append", metavar="PATTERN", help="names to leave out; may be repeated"
    )
    scan.add_argument("--table", action="store_true", help="a table for people, not JSON")
    scan.set_defaults(run=_scan)


def _scan(arguments: argparse.Namespace) -> int:
    layout = Layout(_companies(arguments.company or ()), arguments.litter or ())
    with scan_directory(arguments.path, layout=layout) as scan:
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


def _companies(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        directory, _, company_id = one.rpartition("=")
        if not is_company_id(company_id):
            remedy = no_company_id(company_id)
            raise UsageError(f"--company {printable(one)} is no bare id. {remedy}")
        found[directory or "."] = company_id
    return found


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
