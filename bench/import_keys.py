"""Import of session files against reading all files and ``psql \\copy`` of ready rows (the limit)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from statistics import median

from bench.store_setting import Setting, act, fresh_database, seconds_of, setting
from sessionstore.database import connect
from tests.store.session_files import COMPANY

_COPY = "\\copy whatsapp_keys(company_id, key_type, key_id, value) from pstdin"
_PSQL = {"host": "host", "port": "port", "username": "user", "dbname": "dbname"}


def compare(keys: int, rounds: int) -> list[str]:
    """Time both sides in turn on the same files and the same server.

    Args:
        keys: how many session files.
        rounds: how many times each side runs.

    Returns:
        The table's row: medians in seconds, ours as a ratio of the other's speed, and the
        largest memory that an import took.
    """
    ours, limit = [], []
    with setting(keys) as given:
        for turn in range(rounds):
            with fresh_database(given.server, f"ours{turn}") as database:
                ours.append(act("import", database=database, directory=given.directory))
            with fresh_database(given.server, f"limit{turn}") as database:
                limit.append(seconds_of(lambda to=database: _copy(given, to)))  # type: ignore[misc]
    mine = median(one["seconds"] for one in ours)
    peak = max(one["peak_mb"] for one in ours)
    what = (
        f"import of {keys:,} keys ({1e6 * mine / keys:.1f} µs a key, {peak:.0f} MB at most);"
        " reading all files + `psql \\copy` of ready rows"
    )
    return [f"| {what} | {mine:.2f} | {median(limit):.2f} | {median(limit) / mine:.2f} |"]


def _copy(given: Setting, database: dict[str, str]) -> None:
    """Every file read and thrown away, then rows copied that someone else has made."""
    for entry in os.scandir(given.company):
        # A Path for each would make the other side slower than it need be.
        with open(entry.path, "rb") as file:  # noqa: PTH123
            file.read()
    with connect(database) as conn:
        conn.execute("INSERT INTO whatsapp_auth (company_id, creds) VALUES (%s, '{}')", [COMPANY])
    copy_rows(given.server.programs, database, given.rows)


def copy_rows(programs: Path, database: dict[str, str], rows: Path) -> None:
    """``psql \\copy`` of a file into whatsapp_keys.

    Args:
        programs: where psql is.
        database: connection settings.
        rows: in COPY's text format.
    """
    psql = [str(programs / "psql"), "-XqAt", "-c", _COPY]
    where = [f"--{name}={database[key]}" for name, key in _PSQL.items()]
    with rows.open("rb") as ready:
        command = [*psql, *where]
        subprocess.run(command, stdin=ready, check=True)
