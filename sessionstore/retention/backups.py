"""The backups of the database in a directory: how old each is, and whether it is whole."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sessionstore.backup.dump import ENDINGS
from sessionstore.backup.manifest import read_manifest, verified
from sessionstore.errors import BackupProblem
from sessionstore.retention import archives
from sessionstore.retention.archives import Kept

SEALED, LISTING = ENDINGS


@dataclass(frozen=True)
class Backup(Kept):
    """A backup; its state is never "there"."""

    companies: int = 0  # rows of whatsapp_auth in it
    keys: int = 0


def look(directory: str) -> list[Backup]:
    """List the backups in a directory and in those below it, each hashed, the oldest first."""
    return sorted(map(_backup, archives.manifests(directory, LISTING)), key=archives.age_order)


def _backup(manifest: str) -> Backup:
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
    rows = {table.name.rpartition(".")[2]: table.rows for table in read.tables}
    companies, keys = (rows.get(table, 0) for table in ("whatsapp_auth", "whatsapp_keys"))
    return Backup(
        path, manifest, name, state, detail, archives.seconds_of(read.created_at), companies, keys
    )
