"""Commands that read a directory of session files and touch nothing."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from sessionstore.commands.shared import CHANGES, OK, emit
from sessionstore.errors import printable
from sessionstore.scan import scan_directory
from sessionstore.tree import CompanyScan, DirectoryScan


def add(commands: Any) -> None:
    """Add these commands.

    Args:
        commands: the parser's commands.
    """
    scan = commands.add_parser("scan", help="list what a directory of session files holds")
    scan.add_argument("path", help="the directory; not a symlink")
    scan.add_argument("--company", help="whose files they are when they lie in it directly")
    scan.set_defaults(run=_scan)


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
