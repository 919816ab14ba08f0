"""Importing and proving one company, and what to change in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sessionstore.database import imports
from sessionstore.database.connection import Connection
from sessionstore.importing import proof, states
from sessionstore.importing import stage as importing
from sessionstore.scan.scan import scan_directory

from .session_files import COMPANY

ROLLOUT, HOST = "20261122T140000Z-3fa2", "wa-1"


def stage(conn: Connection, root: Path) -> imports.ImportRecord:
    """Import the company in root."""
    with scan_directory(str(root)) as scan:
        return importing.stage(conn, scan, COMPANY, ROLLOUT, HOST)


def prove(conn: Connection, root: Path, import_id: str) -> proof.Proof:
    """Prove with a fresh scan."""
    with scan_directory(str(root)) as scan:
        return proof.prove(conn, import_id, scan)


def withdraw(conn: Connection, root: Path, import_id: str, *, active: bool = False) -> int:
    """Take an import back whose files are in root."""
    with scan_directory(str(root)) as scan:
        return states.withdraw(conn, import_id, scan, active=active)


def rows(conn: Connection) -> tuple[int, int, int, int]:
    """Rows of the four tables."""
    counts = conn.execute(
        "SELECT (SELECT count(*) FROM whatsapp_auth), (SELECT count(*) FROM whatsapp_keys),"
        " (SELECT count(*) FROM whatsapp_imports), (SELECT count(*) FROM whatsapp_import_files)"
    ).fetchone()
    assert counts
    return counts


def update(sql: str) -> Callable[[Connection, Path], None]:
    """A change of the database."""
    return lambda conn, root: void(conn.execute(sql.encode()))


def void(_: object) -> None:
    """Drop a result."""


def write(name: str, text: str) -> Callable[[Connection, Path], None]:
    """A change of the directory."""
    return lambda conn, root: void((root / f"company_{COMPANY}" / name).write_text(text))
