"""One script of a migration at a time, on a connection, within limits, in a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg
from psycopg import sql

from sessionstore.database.connection import Connection, message_of, transaction
from sessionstore.errors import MigrationProblem, MigrationTimeout, OutcomeUnknown
from sessionstore.migrations.plan import Migration

_NOTICES_DEAD_CLIENTS = 140000  # the first server version that looks for it while it works
#: The server's function that refuses what can't be run by EXECUTE in a block.
_EXECUTE = "exec_stmt_dynexecute"


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
        failure: str | None = None
        try:
            with self._conn.transaction():
                self._conn.execute("SET LOCAL transaction_read_only = on")
                self.run(migration.name, "verify", migration.verify)
                raise _RolledBack
        except _RolledBack:
            pass
        except MigrationTimeout:
            raise
        except MigrationProblem as problem:
            failure = problem.what
        return failure

    def run(self, name: str, kind: str, script: str, hint: str = "") -> None:
        """Run one script; ``hint`` is what verify said before, for the message where it fails."""
        before = self._surroundings()
        try:
            self._conn.execute(_within_a_block(self._conn, script))
        except pg.LockNotAvailable:
            raise MigrationTimeout(
                f"{kind}: waited longer than {self._lock_timeout:g} s for a table's lock",
                name,
                "See pg_locks and pg_stat_activity for who holds it; then run again.",
            ) from None
        except pg.QueryCanceled as error:
            raise MigrationTimeout(
                f"{kind}: {message_of(error)} (limit {self._statement_timeout:g} s)",
                name,
                "Run it in a quiet hour, or raise statement_timeout in the plan's limits.",
            ) from None
        except psycopg.OperationalError:
            raise
        except pg.ActiveSqlTransaction as error:
            raise MigrationProblem(
                f"{kind} failed: {message_of(error)}",
                name,
                "Each migration is one transaction. Leave CONCURRENTLY out; or run the statement by"
                " hand, as the owner, and let the migration's verify script find what it made.",
            ) from None
        except psycopg.Error as error:
            if error.diag.source_function == _EXECUTE:
                raise MigrationProblem(
                    f"the {kind} script controls transactions itself, or copies from or to a client:"
                    f" {message_of(error)}",
                    name,
                    "Take that out: each migration runs in a transaction already; rows are written"
                    " with INSERT.",
                ) from None
            there = f"; what is there now does not fit: {hint}" if hint else ""
            raise MigrationProblem(f"{kind} failed: {message_of(error)}{there}", name) from None
        if kind != "verify" and self._surroundings() != before:
            # What is run next, and the record of this migration, would be another schema's.
            raise MigrationProblem(
                f"the {kind} script left another search_path or role behind",
                name,
                "Write the schema before each name, or set both back at the script's end.",
            )

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
