"""Commands that read a directory of session files and touch nothing."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from sessionstore.commands.output import CHANGES, OK, UsageError, emit, tell
from sessionstore.errors import printable
from sessionstore.keys.names import is_company_id, no_company_id
from sessionstore.scan.layout import Layout
from sessionstore.scan.result import CompanyScan, DirectoryScan
from sessionstore.scan.scan import scan_directory
from sessionstore.scan.table import ARTEFACT, CREDS, UNKNOWN

#: A table lists this many problems of a kind; it counts all.
_SHOWN = 5


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
        problems = scan.every_problem
        blocking = sum(1 for problem in problems if problem.blocks)
        if arguments.table:
            for line in _table(scan):
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
    for problem in scan.every_problem:
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
    figures = _figures_of(company)
    return {
        "company": company.company_id,
        "directory": company.directory,
        "credentials": company.credentials is not None,
        "keys": company.keys,
        **asdict(_all_of(figures.values())),
        "by_type": {sort: asdict(one) for sort, one in figures.items()},
    }


@dataclass
class _Figures:
    files: int = 0
    bytes: int = 0  # sum of their sizes
    oldest: int | None = None  # the earliest change, nanoseconds since 1970; None without a file
    newest: int | None = None

    def add(self, files: int, size: int, oldest: int, newest: int) -> None:
        self.files += files
        self.bytes += size
        self.oldest = oldest if self.oldest is None else min(self.oldest, oldest)
        self.newest = newest if self.newest is None else max(self.newest, newest)


def _figures_of(company: CompanyScan) -> dict[str, _Figures]:
    """Figures of a company's key types, the largest first, then of credentials, artefacts, unknown files."""
    found: dict[str, _Figures] = {}
    for entry in company.files:
        key, changed = entry.key, entry.mtime_ns
        sort = found.setdefault(key.key_type if key else entry.kind, _Figures())
        sort.add(1, entry.size, changed, changed)
    last = {CREDS: 1, ARTEFACT: 2, UNKNOWN: 3}
    order = sorted(found, key=lambda sort: (last.get(sort, 0), -found[sort].files, sort))
    return {sort: found[sort] for sort in order}


def _all_of(figures: Iterable[_Figures]) -> _Figures:
    total = _Figures()
    for one in figures:
        if one.oldest is not None and one.newest is not None:
            total.add(one.files, one.bytes, one.oldest, one.newest)
    return total


def _table(scan: DirectoryScan) -> Iterator[str]:
    """Show a scan that read contents to people, in 80 columns but for longer names."""
    for company in scan.companies:
        yield f"company {company.company_id or '?'} in {printable(company.directory)}"
        yield _row("type", "files", "bytes", "oldest", "newest")
        figures = _figures_of(company)
        for sort, one in (*figures.items(), ("all", _all_of(figures.values()))):
            times = _minute(one.oldest), _minute(one.newest)
            yield _row(sort, f"{one.files:,}", f"{one.bytes:,}", *times)
    if scan.others:
        yield f"{len(scan.others):,} files belong to no company"
    problems = scan.every_problem
    for kind, count in Counter(problem.kind for problem in problems).most_common():
        of_kind = [problem for problem in problems if problem.kind == kind]
        weight = "blocks" if any(problem.blocks for problem in of_kind) else "does not block"
        yield f"{kind}: {count:,} ({weight})"
        for problem in of_kind[:_SHOWN]:
            yield f"  {printable(problem.where)}"
        if count > _SHOWN:
            yield f"  … and {count - _SHOWN:,} more"


def _row(sort: str, files: str, size: str, oldest: str, newest: str) -> str:
    """A short name leaves its room to the number of files, so that neither is glued to bytes."""
    return f"  {sort}{files:>{30 - len(sort)}} {size:>13} {oldest:<16} {newest}"


def _minute(nanoseconds: int | None) -> str:
    if nanoseconds is None:
        return ""
    return datetime.fromtimestamp(nanoseconds // 10**9, timezone.utc).strftime("%Y-%m-%d %H:%M")
