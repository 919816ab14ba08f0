"""Import of session files against importers as they are written for Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from statistics import median

from bench.store_setting import Setting, act, fresh_database, setting
from tests.store.session_files import COMPANY

_SCRIPT = Path(__file__).with_name("import_rows.mjs")
_PG = "pg@8.16.3"
#: Keys in one INSERT, and when it is committed.
_WAYS = {
    "row by row": (1, "autocommit"),
    "row by row in one transaction": (1, "one transaction"),
    "100-row batches in one transaction": (100, "one transaction"),
}
#: A durable commit for each row takes minutes beyond this, and no other time a row.
_MOST_KEYS = 5_000


def compare(keys: int, rounds: int) -> list[str]:
    """Time ours and each way of node-pg in turn.

    Args:
        keys: how many session files; at most 5,000 are taken.
        rounds: how many times each side runs.

    Returns:
        The table's rows: medians in seconds, and ours as a ratio of the other's speed.
    """
    keys = min(keys, _MOST_KEYS)
    ours: list[float] = []
    theirs: dict[str, list[float]] = {way: [] for way in _WAYS}
    with setting(keys) as given:
        program = _installed(given.place / "node")
        for turn in range(rounds):
            with fresh_database(given.server, f"ours{turn}") as database:
                measured = act("import", database=database, directory=given.directory)
                ours.append(measured["seconds"])
            for number, (way, how) in enumerate(_WAYS.items()):
                with fresh_database(given.server, f"node{number}_{turn}") as database:
                    theirs[way].append(_node(program, given, database, *how))
    mine = median(ours)
    return [
        f"| import of {keys:,} keys; node-pg, {way} | {mine:.2f} | {median(theirs[way]):.2f} |"
        f" {median(theirs[way]) / mine:.1f} |"
        for way in _WAYS
    ]


def _installed(place: Path) -> Path:
    place.mkdir()
    npm = ["npm", "install", "--no-audit", "--no-fund", "--no-progress", "--silent", _PG]
    subprocess.run(npm, cwd=place, check=True, stdout=subprocess.DEVNULL)
    return Path(shutil.copy(_SCRIPT, place))


def _node(
    program: Path, given: Setting, database: dict[str, str], size: int, commits: str
) -> float:
    to = (database["host"], database["port"], database["dbname"], COMPANY, str(size), commits)
    done = subprocess.run(
        ["node", program, given.company, *to], check=True, stdout=subprocess.PIPE, text=True
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured["seconds"]
