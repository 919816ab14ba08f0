"""The backups of the database in a directory: how old each is, and whether it is whole."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sessionstore.backup.dump import ENDINGS
from sessionstore.backup.manifest import BackupManifest, read_manifest, verified
from sessionstore.errors import BackupProblem
from sessionstore.retention.archives import (
    DAMAGED,
    WHOLE,
    Kept,
    absent,
    age_order,
    manifests,
    seconds_of,
)

SEALED, LISTING = ENDINGS
_WITH_KEYS = ("whatsapp_auth", "whatsapp_keys")


@dataclass(frozen=True)
class Backup(Kept):
    """A backup; its state is never "there"."""

    companies: int = 0  # rows of whatsapp_auth in it
    keys: int = 0


def look(directory: str) -> list[Backup]:
    """List the backups in a directory and in those below it, each hashed, the oldest first."""
    return sorted(map(_backup, manifests(directory, LISTING)), key=age_order)


def _backup(manifest: str) -> Backup:
    base = manifest.removesuffix(LISTING)
    path, name = base + SEALED, os.path.basename(base)
    try:
        read = read_manifest(manifest)
    except BackupProblem as error:
        return Backup(path, manifest, name, DAMAGED, error.what, None)
    state, detail = _state(path, manifest) if os.path.lexists(path) else absent(base)
    created, rows = seconds_of(read.created_at), [_rows(read, one) for one in _WITH_KEYS]
    return Backup(path, manifest, name, state, detail, created, *rows)


def _rows(manifest: BackupManifest, table: str) -> int:
    return sum(one.rows for one in manifest.tables if one.name.rpartition(".")[2] == table)


def _state(path: str, manifest: str) -> tuple[str, str]:
    try:
        verified(path, manifest)
    except BackupProblem as error:
        return DAMAGED, error.what
    return WHOLE, ""
