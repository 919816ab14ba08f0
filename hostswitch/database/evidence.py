"""The database, through sessionstore. psycopg is imported late: preflight runs without libpq."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, astuple
from typing import TYPE_CHECKING

from hostswitch.base.output import progress
from hostswitch.database.connection import BACKUP_SECONDS, Patience
from hostswitch.decide.seen import InDatabase
from hostswitch.host import Host
from hostswitch.plan import PROVIDER, LegacyDirectory, Plan
from sessionstore.judgement.activity import Activity
from sessionstore.scan.result import DirectoryScan

if TYPE_CHECKING:
    from sessionstore.archive.sealed import Held
    from sessionstore.database.connection import Connection
    from sessionstore.removal.second_proof import RemovalProof


def states(connection: Connection, companies: Iterable[str]) -> dict[str, InDatabase]:
    from sessionstore.database.companies import company_state

    return {c: InDatabase(*astuple(company_state(connection, c))[1:]) for c in companies}


def misfiled(connection: Connection, companies: Iterable[str]) -> list[str]:
    """What an importer filed under names that the service never asks for: told, never repaired."""
    from sessionstore.inspection.misfiled import find

    return [
        sentence
        for found in find(connection, list(companies))
        if (sentence := found.sentence()) is not None
    ]


def import_states(connection: Connection, import_ids: Iterable[str]) -> list[str]:
    from sessionstore.database import imports

    records = (imports.find(connection, import_id) for import_id in import_ids)
    return [record.state for record in records if record is not None]


def unaccounted(
    connection: Connection, scan: DirectoryScan, plan: Plan, *, service: str
) -> list[str]:
    """Why a live directory's files are not all accounted for in the database; empty if they are.

    Misfiled rows come first: they are the one cause of hundreds of reasons after it. What the service
    runs on is as :mod:`sessionstore.judgement.activity` has it.
    """
    from sessionstore.inspection import misfiled
    from sessionstore.removal import account

    answer = account.account(
        connection, scan, "live", company_ids=plan.companies, activity=Activity(service)
    )
    if answer.decision.removable:
        return []
    wrong = [
        f"{len(one.misfiled):,} rows of company {one.company_id} are misfiled: the service never "
        "finds them (baileys-hostswitch store misfiled shows what each should be)"
        for one in misfiled.find(connection, scan.company_ids or plan.companies)
        if one.misfiled
    ]
    return [*wrong, *answer.decision.reasons]


def removal_proof(
    connection: Connection, held: Held, declared: LegacyDirectory, plan: Plan, *, service: str
) -> RemovalProof:
    from sessionstore.removal.second_proof import RemovalProof, account_again

    acknowledge = asdict(declared.acknowledge) if declared.acknowledge else None
    return RemovalProof(
        connection,
        held,
        lambda directory, tree: account_again(
            connection,
            directory,
            tree,
            declared.path,
            declared.kind,
            company_ids=plan.companies,
            activity=Activity(service),
            acknowledge=acknowledge,
            layout=declared.layout,
        ),
    )


def backup_before(host: Host, act: str) -> None:
    """Make the backup that the plan asks for before an "import" or "removal", or record why there is none."""
    wanted, rollout_id = host.plan.backup, host.plan.rollout_id
    about = {"rollout_id": rollout_id, "before": act}
    if wanted is None:
        return
    if wanted.method == PROVIDER:
        host.history.add("backup", **about, outcome="provider", reason=wanted.reason)
        return
    from sessionstore.backup import dump

    progress(f"back up the tables before the {act}")
    directory = os.path.join(host.plan.archive.directory, rollout_id)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    with Patience(BACKUP_SECONDS).connected(host.plan) as connection:
        settings, recipients = host.plan.database.settings(), host.plan.archive.recipients
        report = dump.take(connection, settings, directory, f"database-before-{act}", recipients)
    host.history.add("backup", **about, outcome=report.outcome, **asdict(report))
