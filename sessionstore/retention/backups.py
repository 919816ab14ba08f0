"""The backups of the database in a directory: how old each is, and whether it is whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial

from sessionstore.backup.dump import ENDINGS
from sessionstore.backup.manifest import read_manifest, verified
from sessionstore.errors import BackupProblem
from sessionstore.retention import archives
from sessionstore.retention.archives import Kept
from sessionstore.tables.layout import Tables

SEALED, LISTING = ENDINGS


@dataclass(frozen=True)
class Backup(Kept):
    """A backup; its state is never "there"."""

    companies: int = 0  # rows in it of the table that has the credentials
    keys: int = 0


def look(directory: str, tables: Tables) -> list[Backup]:
    """List the backups in a directory and in those below it, each hashed, the oldest first."""
    every = map(partial(_backup, tables), archives.manifests(directory, LISTING))
    return sorted(every, key=archives.age_order)


def _backup(tables: Tables, manifest: str) -> Backup:
    base = manifest.removesuffix(LISTING)
    path, name = base + SEALED, os.path.basename(base)
    try:
        read = read_manifest(manifest)
    except BackupProblem as error:
        return Backup(path, manifest, name, archives.DAMAGED, error.what, None)
    state, detail = archives.WHOLE, ""
    try:
        if os.path.lexists(path):
            verified(path, manifest)
        else:
            state, detail = archives.absent(base)
    except BackupProblem as error:
        state, detail = archives.DAMAGED, error.what
    rows = {table.name.rpartition(".")[2].strip('"'): table.rows for table in read.tables}
    companies, keys = (rows.get(one.table, 0) for one in (tables.credentials, tables.keys))
    return Backup(
        path, manifest, name, state, detail, archives.seconds_of(read.created_at), companies, keys
    )
