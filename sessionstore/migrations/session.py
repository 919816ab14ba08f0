"""One run at a time, and one script of it: on a direct connection, within limits, in a transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg
from psycopg import sql

from sessionstore.database.connection import Connection, explained, message_of, transaction
from sessionstore.errors import LockHeld, MigrationProblem, MigrationTimeout, OutcomeUnknown
from sessionstore.migrations.plan import Migration

_NOTICES_DEAD_CLIENTS = 140000  # the first server version that looks for it while it works
#: The server's function that refuses what can't be run by EXECUTE in a block.
_EXECUTE = "exec_stmt_dynexecute"
_TAKE = "SELECT pg_try_advisory_lock(hashtextextended('baileys-rollout/migrations', 0))"
_FREE = "SELECT pg_advisory_unlock(hashtextextended('baileys-rollout/migrations', 0))"
# Its 64-bit key is split over two columns of pg_locks.
_HOLDERS = """
SELECT pid, pid = pg_backend_pid() FROM pg_locks
 WHERE locktype = 'advisory' AND granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND (classid::bigint << 32 | objid::bigint)
       = hashtextextended('baileys-rollout/migrations', 0)
"""
_WHO = """
SELECT format('held by server process %%s, user %%s, application %%s',
              pid, usename, application_name)
  FROM pg_stat_activity WHERE pid = ANY (%s)
"""


def _within_a_block(conn: Connection, script: str) -> bytes:
    """Sent as it is, a COMMIT in it would end the transaction silently, and a COPY wait for a client."""
    block = sql.SQL("BEGIN EXECUTE {}; END").format(sql.Literal(script)).as_string(conn)
    return sql.SQL("DO {}").format(sql.Literal(block)).as_bytes(conn)


class _RolledBack(Exception):
    """Leaves a transaction on purpose without committing it."""


class Session:
    """Runs scripts of migrations on a connection, within limits in seconds."""

    def __init__(self, conn: Connection, lock_timeout: float, statement_timeout: float) -> None:
        self._conn = conn
        self._lock_timeout = lock_timeout
        self._statement_timeout = statement_timeout

    def verify_fails(self, migration: Migration) -> str | None:
        """Run a verify script, which can change nothing; a MigrationTimeout says nothing of the schema."""
        try:
            with self._conn.transaction(force_rollback=True):
                self._conn.execute("SET LOCAL transaction_read_only = on")
                self.run(migration.name, "verify", migration.verify)
        except MigrationTimeout:
            raise
        except MigrationProblem as problem:
            return problem.what
        return None

    def run(self, name: str, kind: str, script: str, hint: str = "") -> None:
        """Run one script; ``hint`` is what verify said before, for the message where it fails."""
        before = self._surroundings()
        try:
            self._conn.execute(_within_a_block(self._conn, script))
        except pg.LockNotAvailable:
            what = f"{kind}: waited longer than {self._lock_timeout:g} s for a table's lock"
            remedy = "See pg_locks and pg_stat_activity for who holds it; then run again."
            raise MigrationTimeout(what, name, remedy) from None
        except pg.QueryCanceled as error:
            what = f"{kind}: {message_of(error)} (limit {self._statement_timeout:g} s)"
            remedy = "Run it in a quiet hour, or raise statement_timeout in the plan's limits."
            raise MigrationTimeout(what, name, remedy) from None
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            raise self._in_words(error, name, kind, hint) from None
        if kind != "verify" and self._surroundings() != before:
            # What is run next, and the record of this migration, would be another schema's.
            what = f"the {kind} script left another search_path or role behind"
            remedy = "Write the schema before each name, or set both back at the script's end."
            raise MigrationProblem(what, name, remedy)

    def _in_words(self, error: psycopg.Error, name: str, kind: str, hint: str) -> MigrationProblem:
        what, remedy = f"{kind} failed: {message_of(error)}", ""
        if isinstance(error, pg.ActiveSqlTransaction):
            remedy = (
                "Each migration is one transaction. Leave CONCURRENTLY out; or run the statement by"
                " hand, as the owner, and let the migration's verify script find what it made."
            )
        elif error.diag.source_function == _EXECUTE:
            does = "controls transactions itself, or copies from or to a client"
            what = f"the {kind} script {does}: {message_of(error)}"
            already = "each migration runs in a transaction already; rows are written with INSERT."
            remedy = f"Take that out: {already}"
        elif hint:
            what += f"; what is there now does not fit: {hint}"
        return MigrationProblem(what, name, remedy)

    def _surroundings(self) -> object:
        return self._conn.execute("SELECT current_setting('search_path'), current_user").fetchone()

    def _limits(self) -> dict[str, float]:
        limits = {"lock_timeout": self._lock_timeout, "statement_timeout": self._statement_timeout}
        if self._conn.info.server_version >= _NOTICES_DEAD_CLIENTS:
            # Else a killed runner's script would run on, its lock held, until it is done.
            limits["client_connection_check_interval"] = 1
        return limits

    @contextmanager
    def transaction(self, where: str, *, commit: bool = True) -> Iterator[None]:
        try:
            with transaction(self._conn, "migrating", where):
                for name, seconds in self._limits().items():
                    self._conn.execute(
                        "SELECT set_config(%s, %s, true)", [name, f"{int(seconds * 1000)}ms"]
                    )
                yield
                if not commit:
                    raise _RolledBack
        except _RolledBack:
            pass
        except OutcomeUnknown as error:
            error.remedy = "See: migrate status; then run again, it goes on from what is there."
            raise


# It frees itself when its holder dies, even by kill -9; but it is the server session's, so it must
# be taken on a direct connection (docs/facts.md section 4).
@contextmanager
def locked(conn: Connection, wait: float) -> Iterator[None]:
    """Hold the lock for a block; LockHeld where another holder has it for longer than ``wait`` seconds."""
    deadline = time.monotonic() + wait
    with explained("waiting for another migration run"):
        while conn.execute(_TAKE).fetchone() != (True,):
            if time.monotonic() >= deadline:
                holders = [pid for pid, _ in conn.execute(_HOLDERS).fetchall()]
                who = conn.execute(_WHO, [holders]).fetchone() or ("its holder has just gone",)
                raise LockHeld(f"another migration run did not end within {wait:g} s", who[0])
            time.sleep(0.2)
    try:
        yield
    finally:
        if not conn.closed and not conn.broken:
            conn.execute(_FREE)


def demand_lock(conn: Connection) -> None:
    if not any(mine for _, mine in conn.execute(_HOLDERS).fetchall()):
        raise MigrationProblem(
            "the lock is gone: this connection goes through a transaction pooler",
            remedy="Give the database's direct address.",
        )
