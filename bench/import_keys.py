"""Import of session files against reading all files and ``psql \\copy`` of ready rows (the limit)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.store_setting import Setting, act, fresh_database, seconds_of, setting
from sessionstore.database.connection import connect
from tests.store.session_files import COMPANY

_COPY = "\\copy whatsapp_keys(company_id, key_type, key_id, value) from pstdin"
_PSQL = {"host": "host", "port": "port", "username": "user", "dbname": "dbname"}


SMALL, LARGE = 100_000, 1_000_000


def compare(keys: int, rounds: int) -> list[str]:
    """Time both sides in turn on the same files and the same server.

    Args:
        keys: how many session files.
        rounds: how many times each side runs.

    Returns:
        The table's row: medians in seconds, ours as a ratio of the other's speed, and the
        largest memory that an import took.
    """
    with setting(keys) as given:
        return [_row(keys, [_round(given, turn) for turn in range(rounds)])]


def compare_sizes(_keys: int, rounds: int) -> list[str]:
    """Do the same with a hundred thousand and with a million keys, in turn.

    Args:
        _keys: not used: the sizes are those of the two companies that are compared.
        rounds: how many times each side runs.

    Returns:
        The table's rows: one for each size, and the time that a key takes in the one and the other.
    """
    small, large = [], []
    with setting(SMALL) as few, setting(LARGE) as many:
        for turn in range(rounds):
            small.append(_round(few, turn))
            large.append(_round(many, turn))
    one, other = (_seconds(rounds) / keys for rounds, keys in ((large, LARGE), (small, SMALL)))
    what = f"import, µs a key, of {LARGE:,} keys; of {SMALL:,}"
    return [
        _row(SMALL, small),
        _row(LARGE, large),
        f"| {what} | {1e6 * one:.1f} | {1e6 * other:.1f} | {one / other:.2f} × the time |",
    ]


@dataclass(frozen=True)
class _Round:
    """One run of each side: seconds, and the memory that ours took at most."""

    ours: float
    limit: float
    peak_mb: float


def _round(given: Setting, turn: int) -> _Round:
    with fresh_database(given.server, f"ours{turn}") as database:
        ours = act("import", database=database, directory=given.directory)
    with fresh_database(given.server, f"limit{turn}") as database:
        limit = seconds_of(lambda: _copy(given, database))
    return _Round(ours["seconds"], limit, ours["peak_mb"])


def _seconds(rounds: Sequence[_Round]) -> float:
    return median(one.ours for one in rounds)


def _row(keys: int, rounds: Sequence[_Round]) -> str:
    mine, limit = _seconds(rounds), median(one.limit for one in rounds)
    peak = max(one.peak_mb for one in rounds)
    what = (
        f"import of {keys:,} keys ({1e6 * mine / keys:.1f} µs a key, {peak:.0f} MB at most);"
        " reading all files + `psql \\copy` of ready rows"
    )
    return f"| {what} | {mine:.2f} | {limit:.2f} | {limit / mine:.2f} |"


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
