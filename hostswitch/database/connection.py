"""In to the database, and how it answers."""

from __future__ import annotations

import os
import socket
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hostswitch.base.errors import HostError
from hostswitch.plan import Database, Plan

if TYPE_CHECKING:
    from psycopg import Connection


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

    Raises DatabaseUnreachable (there is no way in) or NoDriverError (libpq is not installed).
    """
    try:
        from sessionstore.database import connection as database
    except ImportError as error:
        message = f"libpq is missing ({error}). Install it: apt-get install libpq5"
        raise NoDriverError(message) from None
    return database.connect(plan.database.settings())


def figures(connection: Connection[Any]) -> Figures:
    """Measure how the database answers. Raises StoreError: a statement failed, or the connection broke."""
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
    free = int(row[0]) if row else 0
    return Figures(round(statistics.median(times), 2), round(max(times), 2), free)


def leads_to(declared: Database, host: str, port: str, name: str) -> bool:
    """Whether settings lead to the declared database, by another name of its server.

    Nothing is connected to: the service's user writes these names.
    """
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
