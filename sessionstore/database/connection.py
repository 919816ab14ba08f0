"""Connecting to the database: transactions, locks, and its errors in sentences."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.pq import TransactionStatus

from sessionstore.database.settings import SETTINGS
from sessionstore.errors import (
    DatabaseProblem,
    DatabaseUnreachable,
    LockHeld,
    OutcomeUnknown,
    Refused,
)
from sessionstore.tables.description import described
from sessionstore.tables.layout import Tables

CONNECT_SECONDS = 10
#: Where the tables are looked for, and nowhere else, whatever a role's or a user's defaults say.
SCHEMA = "public"
# Keepalives, so that a server that vanished is noticed within a minute, not in two hours.
_ALWAYS = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "baileys-rollout",
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "client_encoding": "UTF8",
}
# Over what the role, the database or the server set: names are those of one schema (a temporary
# table comes last, else it would come first), times have one spelling.
PINNED = f"SET search_path = {SCHEMA}, pg_temp; SET DateStyle = ISO; SET TimeZone = 'UTC'"


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """In autocommit. What takes one opens a transaction of its own, unless it says that it wants one.

    It raises DatabaseProblem where tables or the catalogue can't be read.
    """

    tables: Tables = Tables()  # the service's, where it leads


def connect(settings: Mapping[str, object]) -> Connection:
    """Connect; ``settings`` as libpq means them, and the tables. No error shows the password."""
    unknown = sorted(set(settings) - set(SETTINGS))
    if unknown:
        raise DatabaseUnreachable(f"unknown connection settings: {', '.join(unknown)}")
    tables = described(settings.get("tables") or {})
    given = {
        name: str(value)
        for name, value in settings.items()
        if value is not None and name != "tables"
    }
    place = f"{given.get('host', 'local')}:{given.get('port', 5432)}/{given.get('dbname', '')}"
    _forget_variables()
    end = time.monotonic() + CONNECT_SECONDS
    try:
        with _authority_there(given):
            conn = Connection.connect("", autocommit=True, **given, **_ALWAYS)  # type: ignore[arg-type]
        conn.tables = tables
        # libpq's limit ends with the login: a pooler lets in, and may have no server to ask.
        with hung_up(conn, CONNECT_SECONDS):
            conn.execute(PINNED.encode("ascii"))
        return conn
    except psycopg.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if time.monotonic() > end:
            reason = f"no answer within {CONNECT_SECONDS} s"
        # Shorter ones stand in every sentence; libpq shows none anyway.
        if len(given.get("password", "")) > 3:
            reason = reason.replace(given["password"], "***")
        remedy = "Check address, password and certificate authority, and that the server runs."
        raise DatabaseUnreachable(
            f"cannot connect to the database: {reason}", place, remedy
        ) from None


@contextmanager
def hung_up(conn: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Shut a connection's socket after some seconds: whatever waits for it ends, in any thread."""
    with socket.socket(fileno=os.dup(conn.fileno())) as line:
        timer = threading.Timer(seconds, _shut, [line])
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _shut(line: socket.socket) -> None:
    with suppress(OSError):  # Gone already, it needs no end.
        line.shutdown(socket.SHUT_RDWR)


def _forget_variables() -> None:
    """PGHOSTADDR leads past the host that is named, PGOPTIONS past its schema: none of libpq's is left."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


@contextmanager
def _authority_there(given: dict[str, str]) -> Iterator[None]:
    """Keep an authority that is to be staged yet in memory: it can be tried without writing anything."""
    text = given.pop("authority", None)
    if text is None or os.path.exists(given.get("sslrootcert", "")):
        yield
        return
    with open(os.memfd_create("authority"), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        given["sslrootcert"] = f"/proc/self/fd/{file.fileno()}"
        yield


@contextmanager
def explained(doing: str, where: str = "") -> Iterator[None]:
    """Turn the driver's errors into sentences: DatabaseUnreachable, DatabaseProblem or LockHeld."""
    try:
        yield
    except pg.LockNotAvailable:
        remedy = "See pg_stat_activity for who; then run again."
        what = f"{doing}: another session holds a lock on the tables"
        raise LockHeld(what, where, remedy) from None
    except psycopg.OperationalError as error:
        if error.sqlstate is not None and not error.sqlstate.startswith(("57P", "08")):
            raise DatabaseProblem(f"{doing}: {message_of(error)}", where) from None
        what = f"{doing}: the connection to the database broke: {message_of(error)}"
        remedy = "Nothing was committed by this step; run again when the database answers."
        raise DatabaseUnreachable(what, where, remedy) from None
    except psycopg.Error as error:
        remedy = next((told for kind, told in _REMEDIES.items() if isinstance(error, kind)), "")
        raise DatabaseProblem(f"{doing}: {message_of(error)}", where, remedy) from None


_OTHER_TYPES = "Its columns have other types than this program knows: migrate plan names them."
_REMEDIES: Mapping[type[psycopg.Error], str] = {
    pg.DatatypeMismatch: _OTHER_TYPES,
    pg.UndefinedFunction: _OTHER_TYPES,
    pg.UndefinedTable: "Is it the right database? If so, bring its schema up: migrate deploy",
    pg.UndefinedColumn: "Bring the schema up to date: migrate deploy",
    pg.InsufficientPrivilege: "Use the role that the tables belong to, or let it grant the right.",
}


def message_of(error: psycopg.Error) -> str:
    """The server's main message in one line, without DETAIL and CONTEXT: those quote values."""
    primary = error.diag.message_primary
    return " ".join((primary or str(error).split("\n")[0]).split())


@contextmanager
def transaction(
    conn: Connection, doing: str, where: str = "", *, isolation: str = "READ COMMITTED"
) -> Iterator[None]:
    """Run a block in one transaction that is durable once this returns; OutcomeUnknown if COMMIT broke."""
    # In another one, what the caller believes to be committed would not be.
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise Refused("the connection is already in a transaction, or broken", where)
    committing = False
    try:
        with explained(doing, where), conn.transaction():
            conn.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}".encode("ascii"))
            # A managed server may run with it off; a commit that a crash forgets is none.
            conn.execute("SET LOCAL synchronous_commit = on; SET LOCAL lock_timeout = '10s'")
            yield
            committing = True
    except DatabaseUnreachable as error:
        if not committing:
            raise
        remedy = "The next run looks into the database and goes on from there."
        raise OutcomeUnknown(f"{error.what}, while COMMIT was under way", where, remedy) from None


def lock_company(conn: Connection, company_id: str) -> None:
    """Keep every other run of this program away from a company until the caller's transaction ends."""
    row = conn.execute(
        "SELECT pg_try_advisory_xact_lock(hashtextextended('baileys-rollout/' || %s, 0))",
        [company_id],
    ).fetchone()
    if row != (True,):
        raise LockHeld("another run is at work on this company", company_id)


def clock(conn: Connection) -> float:
    """The database's clock, seconds since 1970; within a transaction the time of its beginning."""
    with explained("reading the clock"):
        row = conn.execute("SELECT extract(epoch FROM now())::float8").fetchone()
    assert row is not None
    return float(row[0])
