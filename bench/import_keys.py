"""Import of session files against reading all files and ``psql \\copy`` of ready rows (the limit)."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from sessionstore.database import connect
from sessionstore.grammar import Key, encode
from sessionstore.importing import stage
from sessionstore.migrations import Runner
from sessionstore.scan import scan_directory
from tests.postgres import Server, running_server
from tests.store.session_files import COMPANY, credentials, pair, session

MIGRATIONS = Path(__file__).resolve().parent.parent / "roles" / "schema" / "migrations"
COPY = "\\copy whatsapp_keys(company_id, key_type, key_id, value) from pstdin"


def compare(keys: int, rounds: int) -> list[str]:
    """Time both sides in turn on the same files and the same server.

    Args:
        keys: how many session files.
        rounds: how many times each side runs.

    Returns:
        The table's row: medians in seconds, and ours as a ratio of the other's speed.
    """
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        directory = Path(folder) / "baileys_sessions" / f"company_{COMPANY}"
        rows = write_files(directory, keys)
        ours, limit = [], []
        for round_ in range(rounds):
            ours.append(timed(server, f"ours{round_}", lambda n: import_files(n, directory.parent)))
            limit.append(
                timed(server, f"copy{round_}", lambda n: copy_rows(server, n, directory, rows))
            )
    ratio = median(limit) / median(ours)
    what = f"import of {keys:,} keys; reading all files + `psql \\copy` of ready rows"
    return [f"| {what} | {median(ours):.2f} | {median(limit):.2f} | {ratio:.2f} |"]


def write_files(directory: Path, keys: int) -> bytes:
    """Session files of two types, as Baileys writes them, and the rows they make, ready to copy."""
    directory.mkdir(parents=True)
    (directory / "creds.json").write_text(json.dumps(credentials()))
    lines = []
    for number in range(1, keys + 1):
        key = Key("pre-key", str(number))
        value = pair(number)
        if number % 4 == 0:
            key, value = Key("session", f"{15550000000 + number}.0"), session(number)
        text = json.dumps(value)
        (directory / encode(key)).write_text(text)
        lines.append(f"{COMPANY}\t{key.key_type}\t{key.key_id}\t{text}\n")
    return "".join(lines).encode()


def timed(server: Server, name: str, act: Callable[[dict[str, str]], None]) -> float:
    """Seconds of one side on a fresh database with the schema in it."""
    database = {**server.settings, "dbname": name}
    with connect(server.settings) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    with connect(database) as conn:
        Runner(conn, str(MIGRATIONS)).deploy()
    started = time.perf_counter()
    act(database)
    seconds = time.perf_counter() - started
    with connect(server.settings) as admin:
        admin.execute(f"DROP DATABASE {name}".encode())
    return seconds


def import_files(database: dict[str, str], directory: Path) -> None:
    """Ours: scan, decode, parse, hash, copy, record, commit."""
    with connect(database) as conn, scan_directory(str(directory), contents=False) as scan:
        stage(conn, scan, COMPANY, "bench", "bench")


def copy_rows(server: Server, database: dict[str, str], directory: Path, rows: bytes) -> None:
    """The limit: every file read and thrown away, rows that someone else has made copied."""
    for entry in os.scandir(directory):
        Path(entry.path).read_bytes()
    with connect(database) as conn:
        conn.execute(
            f"INSERT INTO whatsapp_auth(company_id, creds) VALUES ('{COMPANY}', '{{}}')".encode()
        )
    psql = [str(server.programs / "psql"), "-XqAt", "-h", database["host"], "-U", "postgres"]
    subprocess.run([*psql, "-d", database["dbname"], "-c", COPY], input=rows, check=True)
