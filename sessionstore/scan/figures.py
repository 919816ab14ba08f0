"""What a scan found, in figures: for each company and key type, and as a table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from sessionstore.errors import printable
from sessionstore.scan.result import CompanyScan, DirectoryScan, Problem
from sessionstore.scan.table import ARTEFACT, CREDS, UNKNOWN

#: A table lists this many problems of a kind; it counts all.
_SHOWN = 5


@dataclass
class Figures:
    files: int = 0
    bytes: int = 0  # sum of their sizes
    oldest: int | None = None  # the earliest change, nanoseconds since 1970; None without a file
    newest: int | None = None

    def add(self, files: int, size: int, oldest: int, newest: int) -> None:
        self.files += files
        self.bytes += size
        self.oldest = oldest if self.oldest is None else min(self.oldest, oldest)
        self.newest = newest if self.newest is None else max(self.newest, newest)


def figures_of(company: CompanyScan) -> dict[str, Figures]:
    """Figures of a company's key types, the largest first, then of credentials, artefacts, unknown files."""
    found: dict[str, Figures] = {}
    for entry in company.files:
        key, changed = entry.key, entry.mtime_ns
        sort = found.setdefault(key.key_type if key else entry.kind, Figures())
        sort.add(1, entry.size, changed, changed)
    last = {CREDS: 1, ARTEFACT: 2, UNKNOWN: 3}
    order = sorted(found, key=lambda sort: (last.get(sort, 0), -found[sort].files, sort))
    return {sort: found[sort] for sort in order}


def all_of(figures: Iterable[Figures]) -> Figures:
    total = Figures()
    for one in figures:
        if one.oldest is not None and one.newest is not None:
            total.add(one.files, one.bytes, one.oldest, one.newest)
    return total


def problems_of(scan: DirectoryScan) -> list[Problem]:
    return [*scan.problems, *(one for company in scan.companies for one in company.problems)]


def table(scan: DirectoryScan) -> Iterator[str]:
    """Show a scan that read contents to people, in 80 columns but for longer names."""
    for company in scan.companies:
        yield f"company {company.company_id or '?'} in {printable(company.directory)}"
        yield _row("type", "files", "bytes", "oldest", "newest")
        figures = figures_of(company)
        for sort, one in (*figures.items(), ("all", all_of(figures.values()))):
            times = _minute(one.oldest), _minute(one.newest)
            yield _row(sort, f"{one.files:,}", f"{one.bytes:,}", *times)
    if scan.others:
        yield f"{len(scan.others):,} files belong to no company"
    problems = problems_of(scan)
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
