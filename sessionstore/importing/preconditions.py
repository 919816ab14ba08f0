"""What must hold before a company's files are imported: of the files, and of the database."""

from __future__ import annotations

from sessionstore.database import standing
from sessionstore.database.companies import (
    all_credentials,
    company_state,
    readable,
    why_unlike_rows,
)
from sessionstore.database.connection import Connection, lock_company
from sessionstore.errors import Refused
from sessionstore.keys.credentials import Identity
from sessionstore.keys.names import is_company_id, no_company_id
from sessionstore.scan.problems import remedy_of
from sessionstore.scan.result import CompanyScan, DirectoryScan, Problem
from sessionstore.scan.scan import scan_directory
from sessionstore.scan.table import CREDS


def fit_company(scan: DirectoryScan, company_id: str) -> CompanyScan:
    """Find the company's files, fit to be imported; session files of nobody block every company's."""
    if not is_company_id(company_id):
        raise Refused("not a bare company id", company_id, no_company_id(company_id))
    refuse_blocking(scan, company_id)
    company = scan.company(company_id)
    if company is None:
        there = ", ".join(one.directory for one in scan.companies) or "none"
        told = 'give {"DIRECTORY": "ID"} in "companies" for another one'
        expected = f"Expected: {scan.layout.expected} in it; {told}. With session files: {there}."
        raise Refused(f"no directory of company {company_id}", scan.label, expected)
    if not company.counts.by_kind[CREDS]:
        remedy = "Move the directory away if it is no company's, then run again."
        where = f"{scan.label}/{company.directory}"
        raise Refused("nothing to import: there is no creds.json", where, remedy)
    return company


def refuse_blocking(scan: DirectoryScan, *company_ids: str) -> None:
    """Make sure that all in a directory is understood, and nothing in the way of companies."""
    concerned = [one for one in scan.companies if one.company_id in (None, *company_ids)]
    blocking = [*scan.blocking, *(problem for one in concerned for problem in one.blocking)]
    if any(one.company_id is None and one.directory == "." for one in concerned):
        blocking.append(Problem("unexpected place", ".", _NAMELESS))
    if blocking and not scan.contents:
        # A listing read no key: all are read now, so that each bad one is named at once.
        with scan_directory(scan.fd, label=scan.label, layout=scan.layout) as read:
            refuse_blocking(read, *company_ids)
    elif blocking:
        told = [f"{scan.label}/{problem.sentence}" for problem in blocking]
        what = f"{len(told)} problem(s) in the files, the first: {told[0]}"
        raise Refused(what, scan.label, remedy_of(blocking), told)


_NAMELESS = 'files of one company without a directory of its own: name it in "companies"'


def refuse_unless_absent(conn: Connection, company_id: str) -> None:
    """Make sure that the database has nothing of a company, in a transaction that locks it."""
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
    what = f"the database has this company already: {', '.join(there)}"
    unlike = why_unlike_rows(conn, company_id)
    remedy = "Files are evidence then, never input: importing could set keys back."
    raise Refused(f"{what}; {unlike}" if unlike else what, company_id, remedy)


def refuse_paired_elsewhere(conn: Connection, company_id: str, identity: Identity) -> None:
    """Make sure that no other company has the pairing, locked until the transaction ends."""
    lock_company(conn, f"pairing {identity.digest}")
    for other, text in all_credentials(conn):
        there = readable(text)
        if there and there.identity == identity and other not in conn.tables.spellings(company_id):
            what = f"company {company_id} is the pairing that the database has as company {other}"
            remedy = "Import it under one id, and move the other's files away."
            raise Refused(f"{what}: two sockets on one would fight", company_id, remedy)


def refuse_unless_standing(conn: Connection, company_id: str) -> None:
    """Make sure, in a transaction, that what is imported would be where the service reads, and stay."""
    reasons = (*standing.of_database(conn), *standing.of_companies(conn, [company_id]))
    into = conn.tables.keys.table, conn.tables.schema
    copied = conn.execute(
        "SELECT NOT row_security_active(format('%%I.%%I', %s::text, %s::text))", into[::-1]
    ).fetchone()
    if copied != (True,):
        reasons += (
            "row level security applies to this role, and COPY refuses it: import as the owner",
        )
    if reasons:
        what = f"the database is not fit to keep keys, {len(reasons)} reason(s), the first: {reasons[0]}"
        raise Refused(what, company_id, "Nothing was imported.", reasons)
