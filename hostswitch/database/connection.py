"""In to the database, how long it is waited for, and how it answers.

One deadline holds for all that is asked of it, above all while the service is down: a server that accepts
and then says nothing has no end of its own, for its kernel answers keepalives. psycopg is imported late
everywhere: preflight runs without libpq.
"""

from __future__ import annotations

import os
import socket
import statistics
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from hostswitch.base.errors import Refusal
from hostswitch.plan import Database, Plan
from sessionstore.errors import DatabaseUnreachable, StoreError

if TYPE_CHECKING:
    from sessionstore.database.connection import Connection

LEAST_SECONDS = 10.0
"""For a put back whose switch has used its patience up."""
READY_SECONDS = 900.0
"""While the service still runs, for each thing that row 0 asks."""
BACKUP_SECONDS = 3 * 3600.0
"""For a backup of the tables. With row 0's questions it is less than the four hours of the unit."""
FURTHEST_SECONDS = 300.0
_PROBES = 20


def connect(plan: Plan) -> Connection:
    """Connect as the application's role. Raises StoreError: there is no way in, or no libpq."""
    try:
        from sessionstore.database import connection as database
    except ImportError as error:
        what, remedy = f"libpq is missing ({error})", "Stage the host: rollout apply (role host)"
        raise StoreError(what, "this host", remedy) from None
    return database.connect(plan.database.settings())


class Patience:
    """Some seconds from now on, for every connection together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    @contextmanager
    def connected(self, plan: Plan, *, wait: bool = False) -> Iterator[Connection]:
        """Connect, trying again in time where it is to wait, and hang up where the block is not done in time.

        Raises StoreError: what the block was at when it was hung up, or another error of the database.
        """
        connection = self._connect(plan, wait)
        from sessionstore.database.connection import hung_up

        try:
            with hung_up(connection, self.left()), connection:
                yield connection
        except StoreError as error:
            if self.left():
                raise
            what = f"the database did not get done within {self.seconds:.0f} s: {error.what}"
            raise type(error)(what, error.where, error.remedy) from None

    def _connect(self, plan: Plan, wait: bool) -> Connection:
        while self.left():
            try:
                return connect(plan)
            except DatabaseUnreachable:
                if not wait or self.left() < 1:
                    raise
                time.sleep(1)
        raise DatabaseUnreachable(
            f"the database did not get done within {self.seconds:.0f} s",
            plan.database.host,
            "Nothing more was asked of it; run again when it answers.",
        )


def connected(plan: Plan) -> AbstractContextManager[Connection]:
    """Connect for one thing that is asked while the service still runs."""
    return Patience(READY_SECONDS).connected(plan)


def figures(connection: Connection) -> dict[str, float]:
    """How the database answers: median and worst of some round trips, in ms, and free connections."""
    from sessionstore.database.connection import explained

    times = []
    with explained("measuring the database"):
        for _ in range(_PROBES):
            start = time.perf_counter()
            connection.execute("SELECT 1")
            times.append((time.perf_counter() - start) * 1000)
        row = connection.execute(
            "SELECT current_setting('max_connections')::int - count(*) FROM pg_stat_activity"
        ).fetchone()
    assert row is not None
    return {
        "latency_ms": round(statistics.median(times), 2),
        "worst_ms": round(max(times), 2),
        "free_connections": row[0],
    }


def clock_ahead(connection: Connection) -> float:
    """How many seconds the host's clock is ahead of the database's; negative if behind.

    Evidence compares times of both: a file's is the host's, a row's the database's
    (``sessionstore/judgement/evidence.py``), and the days until a removal are counted by the host's.
    """
    from sessionstore.database.connection import explained

    with explained("asking the database's time"):
        asked = time.time()
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        answered = time.time()
    assert row is not None
    return round((asked + answered) / 2 - float(row[0]), 3)


def clock_refusals(ahead: float | None) -> list[Refusal]:
    """Why nothing may be concluded from times; a database that could not be asked is its own error."""
    if ahead is None or abs(ahead) <= FURTHEST_SECONDS:
        return []
    which = "ahead of" if ahead > 0 else "behind"
    what = f"this host's clock is {abs(ahead):,.0f} s {which} the database's"
    remedy = (
        "Set it: timedatectl set-ntp true (apt-get install systemd-timesyncd), then: timedatectl"
    )
    return [Refusal("clock", what, "this host", remedy)]


def connections_of(plan: Plan, ports: Collection[int]) -> int:
    """How many sessions of the application's role the database has at some ports of this host."""
    from sessionstore.database.connection import explained

    with connect(plan) as connection, explained("asking who is connected"):
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user"
            " AND datname = current_database() AND client_port = ANY(%s)"
            " AND client_addr IS NOT DISTINCT FROM pg_catalog.inet_client_addr()",
            (sorted(ports),),
        ).fetchone()
    return int(row[0]) if row else 0


def leads_to(declared: Database, host: str, port: str, name: str) -> bool:
    """Whether settings, the user's own, lead to the declared database by another name; nothing connects."""
    if (port, name) != (str(declared.port), declared.dbname):
        return False
    return not _addresses(host).isdisjoint(_addresses(declared.host))


def _addresses(host: str) -> set[str]:
    if not host or host.startswith("/"):
        return {os.path.realpath(host)} if host else set()
    try:
        return {str(one[4][0]) for one in socket.getaddrinfo(host, 5432)}
    except (OSError, UnicodeError):
        return set()
