"""Deletes the archives and backups that retention lets go; hashes each of them first."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sessionstore.archive.sealed import exclusive
from sessionstore.database import connection, pairings, standing
from sessionstore.retention import archives as shelf
from sessionstore.retention import backups as backup_shelf
from sessionstore.retention import rules
from sessionstore.retention.rules import Answer


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
) -> Pruning:
    """Delete what is past its time, safe elsewhere, and not ``in_use``: paths that something relies on."""
    with exclusive(directory):
        archives, backups = shelf.look(directory, hashed=True), backup_shelf.look(directory)
        with connection.connect(settings) as conn:
            # The clock that runs behind decides: one that was set a year on must delete nothing.
            now = min(time.time(), connection.clock(conn))
            imported = _imported(conn)
        decided = Pruning(
            tuple(
                zip(archives, rules.judge(archives, keep_days, now, imported, in_use), strict=True)
            ),
            tuple(zip(backups, rules.judge_backups(backups, keep_days, now), strict=True)),
        )
        for answer in () if dry_run else decided.answers:
            if answer.prune:
                shelf.discard(answer.archive, answer.why)
    return decided


def _imported(conn: connection.Connection) -> dict[pairings.Pairing, str | None]:
    """What the database has, unless its standing is such that it counts for nothing."""
    with connection.transaction(conn, "looking what was imported", isolation="REPEATABLE READ"):
        found = pairings.imported(conn)
        shaky = standing.of_database(conn)
        companies = {company for company, _ in found}
        why = {one: (*shaky, *standing.of_companies(conn, [one])) for one in companies}
    return {
        pairing: why_not or next(iter(why[pairing[0]]), None) for pairing, why_not in found.items()
    }
