"""The backups of the database in a directory: how old each is, and whether it is whole."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sessionstore.backup.dump import ENDINGS
from sessionstore.backup.manifest import BackupManifest, read_manifest, verify_on_disk
from sessionstore.errors import BackupProblem
from sessionstore.retention.archives import DAMAGED, WHOLE, absent, age_order, manifests, seconds_of

SEALED, LISTING = ENDINGS
_WITH_KEYS = ("whatsapp_auth", "whatsapp_keys")


@dataclass(frozen=True)
class ShelvedBackup:
    """One backup.

    Attributes:
        backup: path of the encrypted dump.
        manifest: path of its manifest.
        name: what it was made before, such as ``database-before-import``: its kind.
        state: one of the states of archives, but never "there".
        detail: more, where the state is DAMAGED or GONE.
        created: seconds since 1970, by the clock of the host that made it; None if unknown.
        companies: rows of whatsapp_auth in it.
        keys: rows of whatsapp_keys.
    """

    backup: str
    manifest: str
    name: str
    state: str
    detail: str
    created: float | None
    companies: int = 0
    keys: int = 0


def look(directory: str) -> list[ShelvedBackup]:
    """List the backups in a directory and in those below it; each is hashed.

    Args:
        directory: where backups are kept; links in it are not followed.

    Returns:
        One entry for each manifest of a backup, the oldest first.

    Raises:
        DirectoryProblem: the directory is not there, or is a symlink.
    """
    return sorted(map(_shelved, manifests(directory, LISTING)), key=age_order)


def _shelved(manifest: str) -> ShelvedBackup:
    base = manifest.removesuffix(LISTING)
    backup, name = base + SEALED, os.path.basename(base)
    try:
        read = read_manifest(manifest)
    except BackupProblem as error:
        return ShelvedBackup(backup, manifest, name, DAMAGED, error.what, None)
    state, detail = _state(backup, manifest) if os.path.lexists(backup) else absent(base)
    created, rows = seconds_of(read.created_at), [_rows(read, one) for one in _WITH_KEYS]
    return ShelvedBackup(backup, manifest, name, state, detail, created, *rows)


def _rows(manifest: BackupManifest, table: str) -> int:
    return sum(one.rows for one in manifest.tables if one.name.rpartition(".")[2] == table)


def _state(backup: str, manifest: str) -> tuple[str, str]:
    try:
        verify_on_disk(backup, manifest)
    except BackupProblem as error:
        return DAMAGED, error.what
    return WHOLE, ""
