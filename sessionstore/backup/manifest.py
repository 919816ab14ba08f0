"""The manifest of a backup: what its tables held, told so that a copy can be compared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import sql

from sessionstore.archive.manifest import ALTERED, kinds_of
from sessionstore.archive.sealed import compare_on_disk
from sessionstore.database.connection import Connection, explained
from sessionstore.disk.opening import open_regular
from sessionstore.errors import BackupProblem

FORMAT = "baileys-rollout backup 1"

# What a row looks like as text must not depend on a session's habits.
_SAME_TEXT = (
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres';"
    " SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'"
)
_DIGEST = """
SELECT count(*), encode(sha256(coalesce(string_agg(digest, ''::bytea ORDER BY digest), '')), 'hex')
  FROM (SELECT sha256(convert_to(every::text, 'UTF8')) AS digest FROM {} AS every) AS rows
"""


@dataclass(frozen=True)
class TableDigest:
    name: str  # with its schema
    rows: int
    sha256: str  # over the digests of all rows, in their order


@dataclass(frozen=True)
class BackupManifest:
    created_at: str  # ISO 8601, UTC
    server: int  # major version of the server it was made of
    program: int  # major version of pg_dump
    tables: tuple[TableDigest, ...]
    functions: tuple[str, ...]  # SQL of the functions that the tables' triggers call
    plain_sha256: str  # of the dump before it was compressed and encrypted
    backup_sha256: str  # of the file on disk
    backup_bytes: int
    #: of all the rest, where it stands there; "" where it does not or does not fit
    manifest_sha256: str = ""


# A manifest lies beside the archives for months, and the daily check reads all of them.
_TABLE_KINDS = kinds_of(TableDigest)
_KINDS = kinds_of(BackupManifest)
del _KINDS["manifest_sha256"]  # Older ones have none.


def digest_of(conn: Connection, table: str) -> TableDigest:
    """Count and hash the rows of a table (quoted, with its schema), whatever their order."""
    with explained("hashing the rows", table):
        conn.execute(_SAME_TEXT.encode("ascii"))
        row = conn.execute(sql.SQL(_DIGEST).format(sql.SQL(table))).fetchone()
    assert row is not None
    return TableDigest(table, *row)


def text_of(manifest: BackupManifest) -> bytes:
    told = {"format": FORMAT, **asdict(manifest)}
    told["manifest_sha256"] = _seal(told)
    return json.dumps(told, indent=1).encode() + b"\n"


def _seal(told: dict[str, Any]) -> str:
    rest = {name: value for name, value in told.items() if name != "manifest_sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode("ascii")).hexdigest()


def read_manifest(path: str) -> BackupManifest:
    try:
        with (
            BackupProblem.instead("cannot read the manifest", path),
            open(open_regular(path), encoding="utf-8") as file,
        ):
            return _parse(json.load(file))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BackupProblem("not the manifest of a backup, or cut off", path) from None


def _parse(data: dict[str, Any]) -> BackupManifest:
    sealed, own = _seal(data), data.pop("manifest_sha256", "")
    if data.pop("format") != FORMAT or type(own) is not str:
        raise ValueError("not a manifest of a known format")
    listed, functions = data.pop("tables"), data.pop("functions")
    tables = tuple(TableDigest(**table) for table in listed)
    kinds = [_kinds(data), *map(_kinds, listed), type(listed), type(functions)]
    if kinds != [_KINDS, *[_TABLE_KINDS] * len(tables), list, list]:
        raise TypeError("a value is not of its kind")
    if {*map(type, functions)} - {str}:
        raise TypeError("a function is no text")
    fits = sealed if own == sealed else ""
    return BackupManifest(tables=tables, functions=tuple(functions), manifest_sha256=fits, **data)


def _kinds(values: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in values.items()}


def verified(backup: str, manifest: str) -> BackupManifest:
    """Hash a backup again. That it restores is only shown by :func:`sessionstore.backup.check.check`."""
    expected = read_manifest(manifest)
    if not expected.manifest_sha256:
        remedy = "Move the backup and its manifest away, and make a new one."
        raise BackupProblem(ALTERED, manifest, remedy)
    wanted = (expected.backup_sha256, expected.backup_bytes)
    compare_on_disk(backup, wanted, "backup", BackupProblem)
    return expected
