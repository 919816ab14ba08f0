"""What the comparisons of the session store share: a server, a tree of files, a fresh database."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.session_tree import write_tree
from sessionstore.database.connection import connect
from sessionstore.migrations.runner import Runner
from tests.postgres import Server, running_server
from tests.store.session_files import COMPANY

ROOT = Path(__file__).resolve().parent.parent
MIGRATIONS = ROOT / "roles" / "schema" / "migrations"


@dataclass(frozen=True)
class Setting:
    """A server and a company's files.

    Attributes:
        server: runs.
        place: a directory for whatever else is needed, gone at the end.
        directory: of the session files; holds ``company_<id>``.
        rows: a file with the rows that the files make, ready for COPY.
    """

    server: Server
    place: Path
    directory: Path
    rows: Path

    @property
    def company(self) -> Path:
        """The directory with the files themselves."""
        return self.directory / f"company_{COMPANY}"


@contextmanager
def setting(keys: int) -> Iterator[Setting]:
    """Start a server and write the files.

    Args:
        keys: how many key files.
    """
    with (
        tempfile.TemporaryDirectory(prefix="rollout-bench-") as folder,
        # Durable commits and TCP: with neither, whoever commits a row at a time pays for nothing.
        running_server(as_in_production=True) as server,
    ):
        directory = Path(folder) / "files" / "baileys_sessions"
        rows = write_tree(directory / f"company_{COMPANY}", keys)
        yield Setting(server, Path(folder), directory, rows)


@contextmanager
def fresh_database(server: Server, name: str) -> Iterator[dict[str, str]]:
    """A database with the schema deployed, dropped at the end; gives its settings."""
    with connect(server.settings) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    try:
        with connect({**server.settings, "dbname": name}) as conn:
            Runner(conn, str(MIGRATIONS)).deploy()
        yield {**server.settings, "dbname": name}
    finally:
        with connect(server.settings) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def act(name: str, **plan: Any) -> dict[str, float]:
    """Do one act of the session store in a process of its own.

    Args:
        name: see :mod:`bench.store_act`.
        **plan: what it needs; the company is added.

    Returns:
        Its "seconds" without the interpreter's start, and its "peak_mb".
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.store_act"],
        input=json.dumps({"act": name, "company": COMPANY, **plan}, default=str),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def seconds_of(run: Callable[[], object]) -> float:
    """Wall seconds of a call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
