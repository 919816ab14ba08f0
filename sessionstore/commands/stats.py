"""The command that tells how large each company is, how it grew, and what expires."""

from __future__ import annotations

import argparse
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sessionstore.commands.output import OK, emit
from sessionstore.commands.plan import read_plan, takes_plan
from sessionstore.errors import printable

if TYPE_CHECKING:
    from sessionstore.database.deleters import Deleter
    from sessionstore.inspection.figures import CompanyFigures

#: Exit code: a company grew or shrank unlike its own past.
UNUSUAL_GROWTH = 7
_SIZES = ("rows", "bytes", "unused_pre_keys", "uploaded_pre_keys")
_TIMES = ("oldest_update", "with_expiry", "expired")


def add(commands: Any) -> None:
    figures = commands.add_parser(
        "stats",
        help="rows, bytes, growth, unused pre-keys and expiry of each company",
        description="Measures each company and tells growth that is unlike its own past, and what"
        " deletes keys. Changes nothing but for --record.",
        epilog="exit codes: 0 as ever, or not known yet; 7 unusual growth",
    )
    figures.add_argument("--record", action="store_true", help="keep today's figures as a snapshot")
    figures.add_argument("--table", action="store_true", help="a table for people, not JSON")
    takes_plan(figures, _stats)


def _stats(arguments: argparse.Namespace) -> int:
    from sessionstore.database import connection
    from sessionstore.database import deleters as expiry
    from sessionstore.inspection import figures, growth

    plan = read_plan(arguments)
    with connection.connect(plan["database"]) as conn:
        companies = figures.measure(conn)
        deleters = expiry.deleters(conn)
        recorded = figures.record(conn, companies) if arguments.record else False
    if arguments.table:
        print("\n".join(printable(line.rstrip()) for line in _table(companies, deleters)))
    else:
        _events(companies, deleters, recorded)
    unusual = any(one.growth.verdict == growth.UNUSUAL for one in companies)
    return UNUSUAL_GROWTH if unusual else OK


def _events(
    companies: tuple[CompanyFigures, ...], deleters: tuple[Deleter, ...], recorded: bool
) -> None:
    from sessionstore.inspection import growth

    for company in companies:
        for one in company.types:
            emit("type", company=company.company_id, **asdict(one))
        told = {name: getattr(company, name) for name in (*_SIZES, *_TIMES)}
        emit("company", company=company.company_id, growth=asdict(company.growth), **told)
    for deleter in deleters:
        emit("deleter", **asdict(deleter))
    verdicts = {one.growth.verdict for one in companies}
    worst = [one for one in (growth.UNUSUAL, growth.NOT_KNOWN, growth.USUAL) if one in verdicts]
    unusual = [one for one in companies if one.growth.verdict == growth.UNUSUAL]
    emit(
        "result",
        outcome=f"growth {worst[0]}" if worst else "no companies",
        companies=len(companies),
        rows=sum(one.rows for one in companies),
        bytes=sum(one.bytes for one in companies),
        with_expiry=sum(one.with_expiry for one in companies),
        recorded=recorded,
        unusual=[f"{one.company_id}: {one.growth.why}" for one in unusual],
    )


def _table(companies: tuple[CompanyFigures, ...], deleters: tuple[Deleter, ...]) -> list[str]:
    lines = []
    for company in companies:
        growth = company.growth
        name = printable(company.company_id)
        lines += _wrapped(f"company {name}: growth {growth.verdict}", "")
        lines += _wrapped(growth.why)
        lines.append(_row("type", "rows", "grown", "bytes", "oldest update"))
        lines.extend(
            _row(
                printable(one.key_type),
                f"{one.rows:,}",
                _signed(one.grown_rows),
                f"{one.bytes:,}",
                one.oldest_update.strftime("%Y-%m-%d %H:%M") if one.oldest_update else "",
            )
            for one in company.types
        )
        unused, uploaded = company.unused_pre_keys, company.uploaded_pre_keys
        lines += [
            _row("all", f"{company.rows:,}", _signed(growth.rows), f"{company.bytes:,}", ""),
            f"  pre-keys unused: {unused:,}, of them uploaded: {uploaded:,}",
            f"  rows with expires_at: {company.with_expiry:,}, of them expired: {company.expired:,}",
            "",
        ]
    if not companies:
        lines += ["no companies", ""]
    if not deleters:
        lines.append("deletes keys: nothing in this database")
    for deleter in deleters:
        lines += _wrapped(f"deletes keys: {printable(deleter.name)}", "")
        lines += _wrapped(f"run by: {printable(deleter.runs)}")
    return lines


def _row(key_type: str, rows: str, grown: str, size: str, oldest: str) -> str:
    """Type and rows may be as wide as they like: what follows is pushed, never glued."""
    return f"  {key_type[:22]:<22} {rows:>10} {grown:>8} {size:>12}  {oldest}"


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(text, 80, initial_indent=indent, subsequent_indent="  ")


def _signed(number: int | None) -> str:
    return "?" if number is None else f"{number:+,}"
