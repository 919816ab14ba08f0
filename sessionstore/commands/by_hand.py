"""Commands that move session files into the database, and off the disk, where no rollout does it.

On a host that is rolled out its program does both inside a switch, which stops the service itself;
these commands are not offered there.
"""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sessionstore.archive.sealed import held as held_archive
from sessionstore.commands.output import CHANGES, OK, emit, tell
from sessionstore.commands.plan import companies_of, layout_of, read_plan, takes_plan
from sessionstore.disk.holders import held_open
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import Tree
from sessionstore.errors import LockHeld, Refused, StoreError, printable
from sessionstore.judgement.activity import UNKNOWN, Activity
from sessionstore.removal import remove as removal
from sessionstore.scan.result import DirectoryScan
from sessionstore.scan.scan import scan_directory

if TYPE_CHECKING:
    from sessionstore.database.connection import Connection
    from sessionstore.database.imports import ImportRecord
    from sessionstore.removal.account import Accounting

#: What stands in an import's record where that of a rollout has its id.
BY_HAND = "by hand"
NOTHING = "nothing to do"
_IMPORT = """\
Imports every company of a directory into a database that has nothing of it, proves that each row
equals its file, and only then declares the import active. The files stay as they are.

Whatever writes there must be stopped before, and must never read these files again: a key that
goes back loses messages. Start the service on PostgreSQL after it."""
_REMOVE = """\
Deletes a directory for good. Before that, in the same process: its archive is hashed again on the
disk, every file is read again and compared with the archive's manifest and accounted for in the
database, and nobody may hold one open. One objection and all of it stays. Whether the archive can
be opened, only `archive check` tells: run it first."""


def add(commands: Any) -> None:
    moving = commands.add_parser(
        "import",
        help="import a directory's companies, each key proven",
        description=_IMPORT,
        epilog="exit codes: 0 imported, proven and active, 2 --dry-run: it would be; or not proven"
        " and taken back, 3 refused and nothing changed, 6 another run is at work",
    )
    moving.add_argument(
        "--service-is-stopped", action="store_true", required=True, help="you made sure of it"
    )
    moving.add_argument("--dry-run", action="store_true", help="do all of it, and roll it back")
    takes_plan(moving, _import, needed=("directory",), optional=("companies", "named", "litter"))
    remove = commands.add_parser(
        "remove",
        help="delete an archived directory, proven again",
        description=_REMOVE,
        epilog="exit codes: 0 deleted, 1 its archive is damaged, 2 --dry-run: it may go, 3 refused"
        " and nothing deleted, 6 another run is removing it",
    )
    remove.add_argument("--archive", required=True, help="the file NAME.tar.zst.age")
    remove.add_argument("--manifest", required=True, help="the file NAME.manifest.jsonl")
    remove.add_argument("--dry-run", action="store_true", help="prove only, delete nothing")
    takes_plan(
        remove,
        _remove,
        needed=("directory", "kind"),
        optional=("companies", "named", "litter", "service", "acknowledge"),
    )


def _import(arguments: argparse.Namespace) -> int:
    from sessionstore.database import connection
    from sessionstore.importing import states

    plan = read_plan(arguments)
    companies = companies_of(plan)
    layout = layout_of(plan, flat=companies[0] if len(companies) == 1 else None)
    where = plan["directory"]
    with connection.connect(plan["database"]) as conn:
        with scan_directory(where, contents=False, layout=layout) as scan:
            ids = _to_import(conn, scan, companies)
            left = sorted({*scan.company_ids} - {*(companies or scan.company_ids)})
            if arguments.dry_run:
                for one in ids:
                    _rehearsed(conn, scan, one)
                emit("result", outcome="would be imported" if ids else NOTHING, directory=where)
                return CHANGES if ids else OK
            imports = _staged(conn, scan, ids)
        with scan_directory(where, layout=layout) as frozen:
            proven = all(_proven(conn, frozen, import_id) for import_id in imports)
            for import_id in imports:
                if proven:
                    emit("company", **asdict(states.activate(conn, import_id)))
                else:
                    states.withdraw(conn, import_id, frozen)
    outcome = "not proven" if not proven else "imported" if imports else NOTHING
    emit("result", outcome=outcome, directory=where, left=left)
    if proven and left:
        tell(f"Left alone, as they were not named: {', '.join(left)}")
    if proven:
        what = f"{', '.join(companies)} of " if left else ""
        tell(
            f"{what}{printable(where)} is imported. Never start a version that reads these files again."
        )
    return OK if proven else CHANGES


def _to_import(conn: Connection, scan: DirectoryScan, companies: Sequence[str]) -> Sequence[str]:
    """The companies that are not imported yet; refused while anything is not as it must be."""
    from sessionstore.database.imports import ACTIVE
    from sessionstore.importing.preconditions import fit_company, refuse_blocking

    holders = held_open(scan.fd)
    if holders:
        reasons = [f"{one.named}: {one.how}" for one in holders]
        remedy = "Stop what works there, then run again."
        raise Refused(f"somebody holds it: {reasons[0]}", scan.label, remedy, reasons)
    ids = companies or scan.company_ids
    refuse_blocking(scan, *ids)
    if not ids:
        remedy = 'Say whose they are: "companies": {"DIRECTORY": "ID"}, "." for itself.'
        raise Refused("no company's directory in it", scan.label, remedy)
    for one in ids:
        fit_company(scan, one)
    earlier = [record for one in ids if (record := _earlier(conn, one, ACTIVE))]
    if earlier:
        with scan_directory(scan.fd, label=scan.label, layout=scan.layout) as read:
            for record in earlier:
                _refuse_unless_there(conn, read, record)
    there = [record.company_id for record in earlier]
    return [one for one in ids if one not in there]


def _refuse_unless_there(conn: Connection, read: DirectoryScan, record: ImportRecord) -> None:
    """What an earlier run imported counts only as long as the database holds it, each value."""
    from sessionstore.importing.proof import prove

    proof = prove(conn, record.import_id, read)
    what = f"company {record.company_id} was imported by an earlier run, and"
    if proof.ok:
        tell(f"{what} all of it is there")
        return
    reasons = [f"{one.file}: {one.reason}" for one in proof.mismatches]
    what = f"{what} what the database holds is not what these files hold"
    raise Refused(
        f"{what}: {proof.differences} difference(s), the first: {reasons[0]}",
        read.label,
        "Files are evidence now, never input: `account` says of each what became of it. The other"
        ' companies are imported if "companies" names only them.',
        reasons,
    )


def _earlier(conn: Connection, company_id: str, state: str) -> ImportRecord | None:
    """What an earlier run from here left of a company in a state; any other import is refused later."""
    from sessionstore.database import imports

    import_id = imports.import_id_for(BY_HAND, socket.gethostname(), company_id)
    record = imports.find(conn, import_id)
    return record if record and record.state == state else None


def _rehearsed(conn: Connection, scan: DirectoryScan, company_id: str) -> None:
    from sessionstore.database.imports import STAGED
    from sessionstore.importing import stage

    if _earlier(conn, company_id, STAGED):
        tell(f"company {company_id} was left staged by an earlier run: it is imported anew")
        return
    rehearsed = stage.rehearse(conn, scan, company_id, BY_HAND, socket.gethostname())
    emit("company", **asdict(rehearsed))


def _staged(conn: Connection, scan: DirectoryScan, companies: Sequence[str]) -> list[str]:
    """Stage each company, or none: what is refused has changed nothing, of the others neither."""
    imports: list[str] = []
    try:
        for company_id in companies:
            imports.append(_staged_anew(conn, scan, company_id))
    except (Refused, LockHeld) as refusal:
        try:
            _withdraw(conn, scan, imports)
        except StoreError as error:
            also = f"and what was staged before could not be taken back: {error.what}"
            raise Refused(f"{refusal.what}; {also}", refusal.where, error.remedy) from None
        raise
    return imports


def _withdraw(conn: Connection, scan: DirectoryScan, imports: Sequence[str]) -> None:
    from sessionstore.importing import states

    if imports:
        with scan_directory(scan.fd, label=scan.label, layout=scan.layout) as read:
            for import_id in imports:
                states.withdraw(conn, import_id, read)


def _staged_anew(conn: Connection, scan: DirectoryScan, company_id: str) -> str:
    """Stage a company; what a run that was killed has staged of it is taken back first."""
    from sessionstore.database.imports import STAGED
    from sessionstore.importing import stage

    if left := _earlier(conn, company_id, STAGED):
        _withdraw(conn, scan, [left.import_id])
    tell(f"importing company {company_id}")
    return stage.stage(conn, scan, company_id, BY_HAND, socket.gethostname()).import_id


def _proven(conn: Connection, frozen: DirectoryScan, import_id: str) -> bool:
    from sessionstore.importing.proof import prove

    proof = prove(conn, import_id, frozen)
    emit("proof", import_id=import_id, **asdict(proof))
    return proof.ok


def _remove(arguments: argparse.Namespace) -> int:
    from sessionstore.database import connection
    from sessionstore.removal.second_proof import RemovalProof, account_again

    plan = read_plan(arguments)
    where = os.path.abspath(plan["directory"])
    parent, name = os.path.split(where)

    def accounted(fd: int, tree: Tree) -> Accounting:
        return account_again(
            conn,
            fd,
            tree,
            where,
            plan["kind"],
            company_ids=companies_of(plan),
            activity=Activity(plan.get("service", UNKNOWN)),
            acknowledge=plan.get("acknowledge"),
            layout=layout_of(plan),
        )

    dry_run = arguments.dry_run
    with (
        held_archive(arguments.archive, arguments.manifest) as held,
        connection.connect(plan["database"]) as conn,
        closing(open_directory(parent)) as parent_fd,
    ):
        proof = RemovalProof(conn, held, accounted)
        report = removal.remove(
            parent_fd,
            name,
            manifest=held.manifest,
            objections=proof.objections,
            again=proof.again,
            dry_run=dry_run,
        )
    emit("result", outcome="may go" if dry_run else "removed", directory=where, **asdict(report))
    return CHANGES if dry_run else OK
