"""Deletes the archives and backups that retention lets go; hashes each of them first."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from psycopg import sql

from sessionstore.archive.sealed import exclusive
from sessionstore.database import connection, standing
from sessionstore.keys.names import CREDENTIALS, DIRECTORY
from sessionstore.retention import archives as shelf
from sessionstore.retention import backups as backup_shelf
from sessionstore.retention import rules
from sessionstore.retention.rules import Answer, Pairing
from sessionstore.tables.statements import spelled, statement

_IMPORTED = """
SELECT whatsapp_imports.company_id, file_sha256, identity_sha256, creds::text
  FROM whatsapp_imports JOIN whatsapp_import_files USING (import_id)
  LEFT JOIN {credentials} ON credentials.company_id = {spelled}
 WHERE state = 'active' AND file_name = %s
"""


@dataclass(frozen=True)
class Pruning:
    archives: tuple[tuple[shelf.Archive, Answer], ...]  # each archive with its answer
    #: each backup of the database with its answer
    backups: tuple[tuple[backup_shelf.Backup, Answer], ...]

    @property
    def answers(self) -> tuple[Answer, ...]:
        return tuple(answer for _, answer in (*self.archives, *self.backups))


def prune(
    settings: Mapping[str, object],
    directory: str,
    keep_days: float,
    in_use: Collection[str] = (),
    *,
    dry_run: bool,
    named: str = DIRECTORY,
) -> Pruning:
    """Delete what is past its time, safe elsewhere, and not ``in_use``: paths that something relies on."""
    with exclusive(directory):
        archives = shelf.look(directory, hashed=True, named=named)
        with connection.connect(settings) as conn:
            backups = backup_shelf.look(directory, conn.tables)
            # The clock that runs behind decides: one that was set a year on must delete nothing.
            now = min(time.time(), connection.clock(conn))
            imported = _imported(conn)
        of_archives = rules.judge(archives, keep_days, now, imported, in_use)
        of_backups = rules.judge_backups(backups, keep_days, now)
        decided = Pruning(
            tuple(zip(archives, of_archives, strict=True)),
            tuple(zip(backups, of_backups, strict=True)),
        )
        for answer in () if dry_run else decided.answers:
            if answer.prune:
                shelf.discard(answer.archive, answer.why)
    return decided


def _imported(conn: connection.Connection) -> dict[Pairing, str | None]:
    """The pairing of each active import: None where the database has it now, to keep, else why not.

    A company that was logged out and paired anew keeps its id and the record of its import; its
    credentials are then another pairing's, and what was imported is in the database no more.
    """
    company = spelled(conn.tables, sql.SQL("whatsapp_imports.company_id"))
    ask = statement(conn.tables, _IMPORTED, spelled=company)
    with connection.transaction(conn, "looking what was imported", isolation="REPEATABLE READ"):
        rows = conn.execute(ask, [CREDENTIALS]).fetchall()
        shaky = standing.of_database(conn)
        why = {one: (*shaky, *standing.of_companies(conn, [one])) for one, *_ in rows}
    return {
        (company, sha256): rules.why_not_there(company, identity, creds)
        or next(iter(why[company]), None)
        for company, sha256, identity, creds in rows
    }
