"""A real PostgreSQL for the tests that need one, and directories of session files."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from sessionstore.database import Connection, connect
from sessionstore.migrations import Runner
from tests.postgres import running_server

MIGRATIONS = str(Path(__file__).parents[2] / "roles" / "schema" / "migrations")


@pytest.fixture(scope="session")
def server() -> Iterator[dict[str, str]]:
    """A running server of its own; gives connection settings of its superuser."""
    with running_server() as started:
        yield started.settings


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
