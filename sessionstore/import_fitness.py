"""What must hold before a company's files are imported: of the files, and of the database."""

from __future__ import annotations

from sessionstore.company_rows import company_state
from sessionstore.database import Connection
from sessionstore.errors import Refused
from sessionstore.files import CREDS
from sessionstore.grammar import is_company_id
from sessionstore.tree import CompanyScan, DirectoryScan, Problem


def fit_company(scan: DirectoryScan, company_id: str) -> CompanyScan:
    """Find the company's files in a scan, fit to be imported.

    Args:
        scan: of the directory.
        company_id: the bare id.

    Returns:
        The company's directory.

    Raises:
        Refused: it is not there, has no credentials, or something blocks; with every reason.
    """
    if not is_company_id(company_id):
        raise Refused("not a bare company id", company_id, "Give it without company_.")
    company = scan.company(company_id)
    blocking = (*scan.blocking, *(company.blocking if company else ()))
    # A directory that can't be opened may be the company's.
    if company is None and all(problem.kind != "unreadable" for problem in blocking):
        raise Refused(
            f"no single directory of company {company_id}",
            scan.label,
            f"Expected: {scan.label}/company_{company_id}.",
        )
    if company is None or blocking:
        raise Refused(
            f"{len(blocking)} problem(s) in the files, the first: {_sentence(blocking[0])}",
            scan.label,
            "Mend them, or move what does not belong there, then run again.",
            [_sentence(problem) for problem in blocking],
        )
    if not company.counts.by_kind[CREDS]:
        remedy = "Move the directory away if it is no company's, then run again."
        where = f"{scan.label}/{company.directory}"
        raise Refused("nothing to import: there is no creds.json", where, remedy)
    return company


def _sentence(problem: Problem) -> str:
    detail = f" ({problem.detail})" if problem.detail else ""
    return f"{problem.where}: {problem.kind}{detail}"


def refuse_unless_absent(conn: Connection, company_id: str) -> None:
    """Make sure that the database has nothing at all of a company.

    Args:
        conn: a connection in a transaction that locks the company.
        company_id: the bare id.

    Raises:
        Refused: with what is there.
    """
    state = company_state(conn, company_id)
    if state.empty:
        return
    there = [
        words
        for words, found in (
            ("credentials", state.credentials),
            (f"{state.keys} keys", state.keys),
            (f"a staged import {state.staged_import}", state.staged_import),
            (f"an active import {state.active_import}", state.active_import),
        )
        if found
    ]
    raise Refused(
        f"the database has this company already: {', '.join(there)}",
        company_id,
        "Files are evidence then, never input: importing could set keys back.",
    )
