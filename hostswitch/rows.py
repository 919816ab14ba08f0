"""The database, through sessionstore. psycopg is imported late: preflight runs without libpq."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hostswitch.errors import HostError
from hostswitch.plan import LegacyDirectory, Plan
from hostswitch.seen import InDatabase
from sessionstore.activity import Activity
from sessionstore.tree import DirectoryScan

if TYPE_CHECKING:
    from psycopg import Connection

    from sessionstore.archive import Held
    from sessionstore.second_proof import RemovalProof

_PROBES = 20


class NoDriverError(HostError):
    """psycopg finds no libpq."""


@dataclass(frozen=True)
class Figures:
    """How the database answers: median and worst of some round trips, free connections."""

    latency_ms: float
    worst_ms: float
    free_connections: int


def connect(plan: Plan) -> Connection[Any]:
    """Connect as the application's role.

    Raises:
        DatabaseUnreachable: there is no way in.
        NoDriverError: libpq is not installed.
    """
    try:
        from sessionstore import database
    except ImportError as error:
        message = f"libpq is missing ({error}). Install it: apt-get install libpq5"
        raise NoDriverError(message) from None
    return database.connect(plan.database.settings())


def states(connection: Connection[Any], companies: Iterable[str]) -> dict[str, InDatabase]:
    """What the database holds of each company."""
    from sessionstore.company_rows import company_state

    found = {}
    for company_id in companies:
        state = company_state(connection, company_id)
        found[company_id] = InDatabase(
            state.credentials,
            state.keys,
            state.staged_import,
            state.active_import,
            state.imported_on,
        )
    return found


def misfiled(connection: Connection[Any], companies: Iterable[str]) -> list[str]:
    """What an importer filed under names that the service never asks for: told, never repaired."""
    from sessionstore.misfiled import find

    return [
        sentence
        for found in find(connection, list(companies))
        if (sentence := found.sentence()) is not None
    ]


def figures(connection: Connection[Any]) -> Figures:
    """Measure how the database answers.

    Raises:
        StoreError: a statement failed, or the connection broke.
    """
    from sessionstore.database import explained

    times = []
    with explained("measuring the database"):
        for _ in range(_PROBES):
            start = time.perf_counter()
            connection.execute("SELECT 1")
            times.append((time.perf_counter() - start) * 1000)
        row = connection.execute(
            "SELECT current_setting('max_connections')::int - count(*) FROM pg_stat_activity"
        ).fetchone()
    free = int(row[0]) if row else 0
    return Figures(round(statistics.median(times), 2), round(max(times), 2), free)


def import_states(connection: Connection[Any], import_ids: Iterable[str]) -> list[str]:
    """The states of those imports that have a record."""
    from sessionstore import importing

    records = (importing.find(connection, import_id) for import_id in import_ids)
    return [record.state for record in records if record is not None]


def unaccounted(
    connection: Connection[Any], scan: DirectoryScan, plan: Plan, *, service: str
) -> list[str]:
    """Why a live directory's files are not all accounted for in the database; empty if they are.

    Misfiled rows come first: they are the one cause of hundreds of reasons after it.

    Args:
        connection: to the database.
        scan: of the directory, contents read.
        plan: the plan.
        service: what it runs on, as :mod:`sessionstore.activity` has it.
    """
    from sessionstore import accounting, misfiled

    answer = accounting.account(
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
    connection: Connection[Any],
    held: Held,
    declared: LegacyDirectory,
    plan: Plan,
    *,
    service: str,
) -> RemovalProof:
    """What must hold for a set-aside directory to be deleted, asked as often as need be.

    Args:
        connection: to the database, for as long as the removal takes.
        held: the directory's archive.
        declared: as what it is declared.
        plan: the plan.
        service: what it runs on, as :mod:`sessionstore.activity` has it.
    """
    from sessionstore.second_proof import RemovalProof, account_again

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
