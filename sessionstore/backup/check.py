"""Proving that a backup is one: restored into a database of its own, and compared."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from sessionstore.archive.encryption import Decryption
from sessionstore.backup import programs as pg_programs
from sessionstore.backup.manifest import BackupManifest, digest_of, verified
from sessionstore.database.connection import Connection, connect, explained, message_of
from sessionstore.disk.opening import closing
from sessionstore.disk.walk import CHUNK
from sessionstore.errors import BackupProblem, LockHeld

# pg_dump 17 sets it for every restore, and servers before 17 do not know it; it changes nothing.
_HARMLESS = 'unrecognized configuration parameter "transaction_timeout"'

# One check at a time on a server. The lock is the session's, and frees itself when that ends.
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('baileys-rollout/backup check', 0))"
_SCRATCH = "^rollout_check_[0-9a-f]{12}$"
_LEFT = """
SELECT datname FROM pg_database WHERE datname ~ %s AND pg_get_userbyid(datdba) = current_user
"""


@dataclass(frozen=True)
class BackupCheck:
    tables: int
    rows: int
    seconds: float


def check(
    backup: str,
    manifest: str,
    identity_file: str,
    settings: Mapping[str, object],
    *,
    programs: str | None = None,
) -> BackupCheck:
    """Restore a backup into a scratch database, on any server, compare every table, drop that database."""
    started = time.monotonic()
    expected = verified(backup, manifest)
    if not os.path.isfile(identity_file):
        remedy = "Name the file that age-keygen wrote; a pipe will not do."
        raise BackupProblem("no such identity file", identity_file, remedy)
    with connect(settings) as admin, explained("checking the backup", backup), _alone(admin):
        at_least = max(expected.program, admin.info.server_version // 10000)
        program = pg_programs.find("pg_restore", at_least, programs)
        with _scratch(admin) as name:
            scratch = {**settings, "dbname": name}
            with connect(scratch) as conn:
                _create_functions(conn, expected)
                _restore(program, backup, identity_file, scratch, expected)
                _compare(conn, expected)
    rows = sum(table.rows for table in expected.tables)
    return BackupCheck(len(expected.tables), rows, time.monotonic() - started)


@contextmanager
def _alone(admin: Connection) -> Iterator[None]:
    """Keep other checks away, and drop what one left that was cut off: it holds a copy of the keys."""
    if admin.execute(_LOCK).fetchone() != (True,):
        raise LockHeld("another check of a backup is under way on this server")
    for (name,) in admin.execute(_LEFT, [_SCRATCH]).fetchall():
        _drop(admin, name)
    yield


@contextmanager
def _scratch(admin: Connection) -> Iterator[str]:
    name = f"rollout_check_{secrets.token_hex(6)}"
    create = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'"
    try:
        admin.execute(sql.SQL(create).format(sql.Identifier(name)))
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        remedy = "Give a server and a role that may create databases: ALTER ROLE … CREATEDB."
        problem = f"no scratch database can be created: {message_of(error)}"
        raise BackupProblem(problem, name, remedy) from None
    try:
        yield name
    except BaseException:
        with contextlib.suppress(psycopg.Error):  # else the next check drops it
            _drop(admin, name)
        raise
    _drop(admin, name)


def _drop(admin: Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _create_functions(conn: Connection, expected: BackupManifest) -> None:
    schemas = {table.name.partition(".")[0] for table in expected.tables}
    try:
        for schema in sorted(schemas):
            conn.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}".encode())
        for function in expected.functions:
            conn.execute(function.encode())
    except psycopg.Error as error:
        raise BackupProblem(f"a trigger's function can't be made: {message_of(error)}") from None


def _restore(
    program: str,
    backup: str,
    identity_file: str,
    scratch: Mapping[str, object],
    expected: BackupManifest,
) -> None:
    plain = hashlib.sha256()
    command = [program, "--no-owner", "--no-privileges", f"--dbname={scratch['dbname']}"]
    with (
        closing(os.open(backup, os.O_RDONLY | os.O_CLOEXEC)) as fd,
        Decryption(fd, identity_file) as decryption,
        pg_programs.running(command, scratch, stdin=subprocess.PIPE) as process,
    ):
        assert process.stdin is not None and process.stderr is not None
        complaints = pg_programs.Complaints(process.stderr)
        feeding = True
        while chunk := decryption.output.read(CHUNK):
            plain.update(chunk)
            try:
                if feeding:
                    process.stdin.write(chunk)
            except BrokenPipeError:
                feeding = False  # its own complaint says more
        decryption.finish()
        if feeding:
            process.stdin.close()
        process.wait()
        errors = [line for line in complaints.errors() if _HARMLESS not in line]
    if errors or not feeding:
        raise BackupProblem(f"it does not restore: {(errors or ['no message'])[0]}", backup)
    if plain.hexdigest() != expected.plain_sha256:
        raise BackupProblem("the dump is not the one of the manifest", backup)


def _compare(conn: Connection, expected: BackupManifest) -> None:
    for table in expected.tables:
        with conn.transaction():
            found = digest_of(conn, table.name)
        if found != table:
            what = f"{table.name} was restored with other rows than were dumped"
            if found.rows != table.rows:
                what = f"{table.name} was restored with {found.rows} rows, {table.rows} were dumped"
            remedy = "Do not rely on this backup; make a new one."
            raise BackupProblem(what, table.name, remedy)
