"""Backups of the tables that this project changes: ``pg_dump``, encrypted like the archives.

The digests in the manifest are taken in the very snapshot that is dumped, so that a restored
copy can be compared with what was there, not with what is there now.
"""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from sessionstore.archive import sealed
from sessionstore.archive.encryption import Encryption
from sessionstore.backup import programs as pg_programs
from sessionstore.backup.manifest import BackupManifest, digest_of, read_manifest, text_of, verified
from sessionstore.database.connection import Connection, transaction
from sessionstore.disk.walk import CHUNK
from sessionstore.errors import ArchiveProblem, BackupProblem
from sessionstore.tables.statements import quoted

SILENT_SECONDS = 600.0
ENDINGS = (".dump.zst.age", ".backup.json")
#: What is backed up beside the service's tables.
OURS = (
    "whatsapp_imports",
    "whatsapp_import_files",
    "whatsapp_stats",
    "rollout_migrations",
)

# pg_dump of single tables leaves out what their triggers call.
_FUNCTIONS = """
SELECT DISTINCT pg_get_functiondef(tgfoid) FROM pg_trigger
 WHERE tgrelid = ANY (%s::text[]::regclass[]) AND NOT tgisinternal ORDER BY 1
"""


@dataclass(frozen=True)
class BackupReport:
    backup: str  # path of the encrypted dump; "" when there was nothing to back up
    manifest: str  # path of its manifest
    tables: int
    rows: int
    bytes: int  # of the file on disk
    reused: bool  # whether it was there already
    seconds: float

    @property
    def outcome(self) -> str:
        if not self.backup:
            return "nothing to back up"
        return "reused" if self.reused else "backed up"


def take(
    conn: Connection,
    settings: Mapping[str, object],
    out_dir: str,
    name: str,
    recipients: Sequence[str],
    *,
    programs: str | None = None,
) -> BackupReport:
    """Back up those of the tables that are there; a backup of this name that is there and whole is kept."""
    started = time.monotonic()
    sealed.refuse_arguments(name, recipients)
    program = pg_programs.find("pg_dump", conn.info.server_version // 10000, programs)
    backup, manifest = (f"{out_dir}/{name}{ending}" for ending in ENDINGS)
    with (
        ArchiveProblem.instead("cannot write the backup", backup),
        sealed.exclusive(out_dir) as out_fd,
    ):
        there = os.path.basename(backup) in os.listdir(out_fd)
        made = (
            verified(backup, manifest)
            if there
            else _make(conn, settings, program, out_fd=out_fd, name=name, recipients=recipients)
        )
    seconds = time.monotonic() - started
    if made is None:
        return BackupReport("", "", 0, 0, 0, False, seconds)
    tables, rows = len(made.tables), sum(table.rows for table in made.tables)
    return BackupReport(backup, manifest, tables, rows, made.backup_bytes, there, seconds)


def is_of_now(conn: Connection, manifest: str) -> bool:
    """Tell whether a backup holds what the tables hold, no table added or dropped since."""
    with transaction(conn, "comparing with the backup", isolation="REPEATABLE READ"):
        now = tuple(digest_of(conn, table) for table in _tables(conn))
    return now == read_manifest(manifest).tables


def _make(
    conn: Connection,
    settings: Mapping[str, object],
    program: str,
    *,
    out_fd: int,
    name: str,
    recipients: Sequence[str],
) -> BackupManifest | None:
    dump, listing = (name + ending for ending in ENDINGS)
    for left in map(sealed.partial_of, (dump, listing)):
        sealed.forget(out_fd, left)
    plain = hashlib.sha256()
    with transaction(conn, "backing up", isolation="REPEATABLE READ"):
        # pg_dump may take longer than a server lets a transaction sleep.
        conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        tables = _tables(conn)
        if not tables:
            return None
        snapshot = conn.execute("SELECT pg_export_snapshot()").fetchone()
        assert snapshot is not None
        command = [program, "--format=custom", "--compress=0", f"--snapshot={snapshot[0]}"]
        command += [f"--table={table}" for table in tables]
        try:
            digest, size = sealed.seal(
                out_fd, dump, recipients, lambda into: _dump(command, settings, into, plain)
            )
            digests = tuple(digest_of(conn, table) for table in tables)
            functions = tuple(text for (text,) in conn.execute(_FUNCTIONS, [tables]).fetchall())
        except BaseException:
            # A server that says nothing would not answer the end of the transaction either.
            conn.close()
            sealed.forget(out_fd, sealed.partial_of(dump))
            raise
    manifest = BackupManifest(
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
        conn.info.server_version // 10000,
        pg_programs.major_of(program),
        digests,
        functions,
        plain.hexdigest(),
        digest,
        size,
    )
    # The manifest first: a backup under its final name always has one.
    sealed.write_file(out_fd, listing, text_of(manifest))
    sealed.publish(out_fd, dump)
    return manifest


def _tables(conn: Connection) -> list[str]:
    tables = conn.tables
    rows = conn.execute(
        "SELECT format('%%I.%%I', nspname, relname) FROM pg_class"
        " JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE pg_class.oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) name) ORDER BY 1",
        [[*(quoted(tables.schema, one) for one in tables.names), *OURS]],
    ).fetchall()
    return [name for (name,) in rows]


def _heard(pipe: int) -> bytes:
    """The next of what pg_dump says; a server that says nothing has no end of its own."""
    if not select.select([pipe], [], [], SILENT_SECONDS)[0]:
        what = f"pg_dump said nothing for {SILENT_SECONDS:.0f} s and was ended"
        remedy = "See what it waits for: SELECT * FROM pg_stat_activity; then run again."
        raise BackupProblem(what, "", remedy)
    return os.read(pipe, CHUNK)


def _dump(
    command: Sequence[str], settings: Mapping[str, object], into: Encryption, plain: hashlib._Hash
) -> None:
    with pg_programs.running(command, settings, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        complaints = pg_programs.Complaints(process.stderr)
        while chunk := _heard(process.stdout.fileno()):
            plain.update(chunk)
            into.write(chunk)
        code = process.wait()
        if code != 0:
            said = complaints.first() or f"it ended with {code}"
            raise BackupProblem(f"pg_dump failed: {said}", command[0])
