"""Commands that compare session files with the database and change neither."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sessionstore.commands.output import CHANGES, OK, emit
from sessionstore.commands.plan import companies_of, layout_of, read_plan, takes_plan
from sessionstore.disk.holders import Sight, seen_in_directory
from sessionstore.judgement.activity import UNKNOWN, Activity
from sessionstore.scan.result import DirectoryScan
from sessionstore.scan.scan import scan_directory

_ACCOUNT = """\
Holds every file of a directory against the database as it is now, and says whether the directory
may be removed once a verified archive holds it: not while a process holds anything in it. Changes
nothing. One line for each file that is not simply equal; the last line has the decision and every
reason."""
_PROVE = """\
Compares every file of an import with its row and with what the import recorded, and demands that it
was declared active: one that is only staged may be taken back. Changes nothing.
It holds for the moment in which the service is stopped: afterwards keys move on."""


def add(commands: Any) -> None:
    account = commands.add_parser(
        "account",
        help="account for every file against the database",
        description=_ACCOUNT,
        epilog="exit codes: 0 removable, 2 blocked",
    )
    takes_plan(
        account,
        _account,
        needed=("directory", "kind"),
        optional=("companies", "named", "litter", "service", "acknowledge"),
    )
    prove = commands.add_parser(
        "prove",
        help="prove that an import is equal to its files, now",
        description=_PROVE,
        epilog="exit codes: 0 proven, 2 not proven",
    )
    takes_plan(
        prove, _prove, needed=("directory", "import_id"), optional=("companies", "named", "litter")
    )


def _account(arguments: argparse.Namespace) -> int:
    from sessionstore.database import connection

    plan = read_plan(arguments)
    with connection.connect(plan["database"]) as conn:
        activity = with_holders(plan, seen_in_directory(plan["directory"]))
        with scan_directory(plan["directory"], layout=layout_of(plan)) as scan:
            answer = accounted(conn, scan, plan["kind"], plan, activity)
    for disposition in answer.dispositions:
        emit("file", **asdict(disposition))
    decision = answer.decision
    outcome = "removable" if decision.removable else "blocked"
    fields = {**asdict(decision), **shown(activity)}
    emit("result", outcome=outcome, directory=plan["directory"], **fields)
    return OK if decision.removable else CHANGES


def _prove(arguments: argparse.Namespace) -> int:
    from sessionstore.database import connection, imports
    from sessionstore.importing.proof import prove

    plan = read_plan(arguments)
    with connection.connect(plan["database"]) as conn:
        record = imports.require(conn, plan["import_id"])
        layout = layout_of(plan, flat=record.company_id)
        with scan_directory(plan["directory"], layout=layout) as scan:
            proof = prove(conn, record.import_id, scan, active=True)
    emit("result", outcome="proven" if proof.ok else "not proven", **asdict(proof))
    return OK if proof.ok else CHANGES


if TYPE_CHECKING:
    from sessionstore.database.connection import Connection
    from sessionstore.removal.account import Accounting


def with_holders(plan: Mapping[str, Any], sight: Sight) -> Activity:
    return Activity(plan.get("service", UNKNOWN), sight.holders, len(sight.closed))


def accounted(
    conn: Connection, scan: DirectoryScan, kind: str, plan: Mapping[str, Any], activity: Activity
) -> Accounting:
    from sessionstore.removal import account

    return account.account(
        conn,
        scan,
        kind,
        company_ids=companies_of(plan),
        activity=activity,
        acknowledge=plan.get("acknowledge"),
    )


def shown(activity: Activity) -> dict[str, object]:
    return {
        "service": activity.service,
        "holders": [one._asdict() for one in activity.holders],
        "unseen": activity.unseen,
    }
