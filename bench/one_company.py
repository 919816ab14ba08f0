"""One company of 1,313 keys, imported and proven by one process of the host program."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from statistics import median

from bench.store_setting import fresh_database, seconds_of, setting
from roles.hostprogram.command import build_zipapp
from tests.store.session_files import COMPANY

_KEYS = 1313
_ACT = Path(__file__).with_name("store_act.py")


def compare(_keys: int, rounds: int) -> list[str]:
    """Time the whole process with the system's own Python, and what of it is starting.

    Args:
        _keys: not used: the size is that of the company in docs/facts.md section 1.
        rounds: how many times it runs.

    Returns:
        The table's row: the whole process, and the interpreter with its imports alone.
    """
    whole, starting = [], []
    with setting(_KEYS) as given:
        program = given.place / "hostswitch.pyz"
        program.write_bytes(build_zipapp())
        for turn in range(rounds):
            with fresh_database(given.server, f"turn{turn}") as database:
                plan = {"act": "import and prove", "company": COMPANY, "database": database}
                text = json.dumps({**plan, "directory": str(given.directory)})
                inside: list[float] = []
                total = seconds_of(lambda text=text, to=inside: _run(program, text, to))  # type: ignore[misc]
                whole.append(total)
                starting.append(total - inside[0])
    what = f"import and proof of {_KEYS:,} keys, one process of the host program; its start alone"
    share = median(starting) / median(whole)
    return [f"| {what} | {median(whole):.2f} | {median(starting):.2f} | {share:.0%} is start |"]


def _run(program: Path, plan: str, inside: list[float]) -> None:
    done = subprocess.run(
        ["/usr/bin/python3", str(_ACT)],
        input=plan,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(program), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    inside.append(json.loads(done.stdout)["seconds"])
