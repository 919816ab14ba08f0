"""A real PostgreSQL for the tests that need one, and directories of session files."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from sessionstore.database.connection import Connection, connect
from sessionstore.migrations.runner import Runner
from tests.age import new_identity
from tests.postgres import Server, running_server

from .night import Night

MIGRATIONS = str(Path(__file__).parents[2] / "roles" / "schema" / "migrations")


@pytest.fixture(scope="session")
def running() -> Iterator[Server]:
    """A running server of its own."""
    with running_server() as started:
        yield started


@pytest.fixture(scope="session")
def server(running: Server) -> dict[str, str]:
    """Connection settings of its superuser."""
    return running.settings


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


@pytest.fixture(scope="session")
def deployed(server: dict[str, str]) -> str:
    """The name of a database with the schema deployed, to be copied: much faster than deploying."""
    with _admin(server) as admin:
        admin.execute("CREATE DATABASE deployed")
    with connect({**server, "dbname": "deployed"}) as conn:
        Runner(conn, MIGRATIONS).deploy()
    return "deployed"


@pytest.fixture
def database(
    server: dict[str, str], empty_database: dict[str, str], deployed: str
) -> dict[str, str]:
    """Connection settings of the same database, with the schema deployed."""
    name = empty_database["dbname"]
    with _admin(server) as admin:
        admin.execute(f"DROP DATABASE {name}".encode())
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {deployed}".encode())
    return empty_database


@pytest.fixture
def conn(database: dict[str, str]) -> Iterator[Connection]:
    """A connection to a database with the schema deployed."""
    with connect(database) as connection:
        yield connection


@pytest.fixture(scope="session")
def age_identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """An age identity: path of its file, and its recipient."""
    path = tmp_path_factory.mktemp("age") / "identity"
    return str(path), new_identity(path)


@pytest.fixture
def new_night(
    database: dict[str, str], age_identity: tuple[str, str]
) -> Iterator[Callable[[], Night]]:
    """Makes a directory of session files beside an empty database, anew each time.

    Not below pytest's own directory: every pytest that starts, as that of a verification beside
    these tests does, closes it to the users that a night is handed over to.
    """
    with tempfile.TemporaryDirectory() as place:
        yield lambda: Night(Path(tempfile.mkdtemp(dir=place)), database, age_identity)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where archives go."""
    (tmp_path / "archives").mkdir()
    return tmp_path / "archives"
