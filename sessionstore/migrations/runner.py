"""Running migrations: deploy, verify and record in one transaction each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from sessionstore.database.connection import Connection, explained, message_of
from sessionstore.errors import MigrationProblem
from sessionstore.migrations.plan import Migration, Record, load, pending, to_revert
from sessionstore.migrations.service_tables import fitted
from sessionstore.migrations.session import Session, demand_lock, locked
from sessionstore.tables.statements import quoted

_TABLE = """
CREATE TABLE IF NOT EXISTS rollout_migrations (
    position   integer     PRIMARY KEY,
    name       text        NOT NULL UNIQUE,
    sha256     text        NOT NULL,
    chain      text        NOT NULL,
    adopted    boolean     NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text        NOT NULL DEFAULT session_user
)
"""


@dataclass(frozen=True)
class Step:
    name: str  # of the migration
    action: str  # "deploy", "adopt", "revert", "verified", "applied" or "adopted"
    detail: str = ""  # more in words; may be empty
    seconds: float = 0.0  # how long it took; 0 where nothing ran


class Runner:
    """Runs migrations, or a directory of them, on a direct connection (no pooler) of the owning role.

    The limits are seconds: for another runner, for a table's lock, for a statement.
    """

    def __init__(
        self,
        conn: Connection,
        source: str | tuple[Migration, ...],
        *,
        lock_wait: float = 30,
        lock_timeout: float = 5,
        statement_timeout: float = 60,
    ) -> None:
        self._conn = conn
        every = load(source) if isinstance(source, str) else source
        self._migrations = fitted(every, conn.tables)
        self._by_name = {migration.name: migration for migration in self._migrations}
        self._lock_wait = lock_wait
        self._session = Session(conn, lock_timeout, statement_timeout)

    def status(self) -> tuple[Step, ...]:
        """What the database has and lacks: a step "applied", "adopted" or, for a pending one, "deploy"."""
        records = self._records()
        done = [Step(one.name, "adopted" if one.adopted else "applied") for one in records]
        return (*done, *self._waiting(records))

    def plan(self) -> tuple[Step, ...]:
        """What :meth:`deploy` would do: "adopt" where verify passes, else "deploy" with what it said."""
        steps = []
        for migration in self._pending():
            with self._session.transaction(migration.name, commit=False):
                missing = self._session.verify_fails(migration)
            steps.append(Step(migration.name, "deploy" if missing else "adopt", missing or ""))
        return tuple(steps)

    def deploy(self, *, dry_run: bool = False) -> tuple[Step, ...]:
        """Apply each pending migration with verify and record in one transaction; a dry run all in one."""
        with locked(self._conn, self._lock_wait):
            if dry_run:
                with self._session.transaction("dry run", commit=False):
                    return tuple(map(self._apply, self._pending()))
            return tuple(map(self._apply_alone, self._pending()))

    def adopt(self, *, dry_run: bool = False) -> tuple[Step, ...]:
        """Record pending migrations whose verify script passes already, up to the first that is not there."""
        steps: list[Step] = []
        with (
            locked(self._conn, self._lock_wait),
            self._session.transaction("adopt", commit=not dry_run),
        ):
            demand_lock(self._conn)
            for migration in self._pending():
                if self._session.verify_fails(migration):
                    break
                self._record(migration, adopted=True)
                steps.append(Step(migration.name, "adopt"))
        return tuple(steps)

    def verify(self) -> tuple[Step, ...]:
        """Run the verify script of every migration that the database has; "deploy" is one that it lacks."""
        records, failures = self._records(), []
        waiting = self._waiting(records)
        for record in records:
            with self._session.transaction(record.name, commit=False):
                failure = self._session.verify_fails(self._by_name[record.name])
            if failure:
                failures.append(f"{record.name}: {failure}")
        if failures:
            raise MigrationProblem("; ".join(failures))
        return (*(Step(record.name, "verified") for record in records), *waiting)

    def to_revert(self, to: str) -> tuple[str, ...]:
        """Which migrations a revert would undo, newest first, to get back to one or to "nothing"."""
        records = self._records()
        pending(self._migrations, records)
        return tuple(record.name for record in to_revert(records, to))

    def revert(self, *, to: str, dry_run: bool = False) -> tuple[Step, ...]:
        """Undo migrations, newest first, as :meth:`to_revert` says."""
        with (
            locked(self._conn, self._lock_wait),
            self._session.transaction("revert", commit=not dry_run),
        ):
            demand_lock(self._conn)
            steps = []
            for name in self.to_revert(to):
                started = time.monotonic()
                self._session.run(name, "revert", self._by_name[name].revert)
                if self._session.verify_fails(self._by_name[name]) is None:
                    what = "the revert script left the change in place: verify still passes"
                    raise MigrationProblem(what, name, "Nothing was reverted; mend the script.")
                self._conn.execute("DELETE FROM rollout_migrations WHERE name = %s", [name])
                steps.append(Step(name, "revert", "", time.monotonic() - started))
            return tuple(steps)

    def _pending(self) -> tuple[Migration, ...]:
        return pending(self._migrations, self._records())

    def _waiting(self, records: Sequence[Record]) -> list[Step]:
        return [Step(one.name, "deploy") for one in pending(self._migrations, records)]

    def _records(self) -> Sequence[Record]:
        with explained("reading rollout_migrations"):
            known = self._conn.execute("SELECT to_regclass('rollout_migrations')").fetchone()
            if known == (None,):
                return []
            rows = self._conn.execute(
                "SELECT name, sha256, chain, adopted FROM rollout_migrations ORDER BY position"
            ).fetchall()
        return [Record(*row) for row in rows]

    def _apply_alone(self, migration: Migration) -> Step:
        with self._session.transaction(migration.name):
            demand_lock(self._conn)
            return self._apply(migration)

    def _apply(self, migration: Migration) -> Step:
        started = time.monotonic()
        missing = self._session.verify_fails(migration)
        if missing is not None:
            self._session.run(migration.name, "deploy", migration.deploy, hint=missing)
            failure = self._session.verify_fails(migration)
            if failure is not None:
                raise MigrationProblem(f"after deploy, {failure}", migration.name)
        self._record(migration, adopted=missing is None)
        action = "adopt" if missing is None else "deploy"
        return Step(migration.name, action, "", time.monotonic() - started)

    def _record(self, migration: Migration, *, adopted: bool) -> None:
        # Here and nowhere earlier, so that a first migration that fails leaves nothing at all.
        self._conn.execute(_TABLE)
        self._conn.execute(
            "INSERT INTO rollout_migrations (position, name, sha256, chain, adopted)"
            " VALUES (%s, %s, %s, %s, %s)",
            [int(migration.name[:4]), migration.name, migration.sha256, migration.chain, adopted],
        )


_OURS = ("whatsapp_imports", "whatsapp_import_files", "whatsapp_stats")
# Of columns that number rows: who may insert one may not yet take its number.
_SEQUENCES = """
SELECT nspname, relname FROM pg_class c
  JOIN pg_namespace n ON n.oid = relnamespace
  JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
       AND d.refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
 WHERE relkind = 'S' AND refobjid = ANY(%s::text[]::regclass[])
"""


def grant_rows(conn: Connection, role: str) -> None:
    """Let the service's role use rows, change no table, and read which migrations there are."""
    name = sql.Identifier(role)
    schema, theirs = conn.tables.schema, conn.tables.names
    every = (*(sql.Identifier(schema, one) for one in theirs), *map(sql.Identifier, _OURS))
    rows = sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(
        sql.SQL(", ").join(every), name
    )
    number = sql.SQL("GRANT USAGE ON SEQUENCE {} TO {}")
    try:
        with conn.transaction():
            conn.execute(rows)
            places = [quoted(schema, one) for one in theirs]
            for sequence in conn.execute(_SEQUENCES, [places]).fetchall():
                conn.execute(number.format(sql.Identifier(*sequence), name))
            conn.execute(sql.SQL("GRANT SELECT ON rollout_migrations TO {}").format(name))
    except psycopg.Error as error:
        what = f"the service's role can't be given its rights: {message_of(error)}"
        remedy = f"CREATE ROLE {role} LOGIN, or let the owner of the tables grant them"
        raise MigrationProblem(what, role, remedy) from None
