"""How a verification asks a database whose roles, tables and server may be anybody's."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import psycopg
import pytest

from sessionstore.database.connection import Connection
from sessionstore.tables.layout import Tables

from ..host.support import database as asked
from ..host.support.database import SESSION, Database, Row


class Direct(Database):
    """Without a host in between."""

    tables = Tables()

    def __init__(self, settings: dict[str, str]) -> None:
        super().__init__(None, None)  # type: ignore[arg-type]
        self._settings = settings

    def connect(self, **_: Any) -> psycopg.Connection[Row]:
        """A new connection."""
        given: dict[str, Any] = {**self._settings, **SESSION}
        return psycopg.connect(**given)


@pytest.mark.skipif(os.geteuid() != 0, reason="the server is another user's")
def test_a_server_that_stops_answering_is_waited_for_once(
    database: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own limit for a statement ends nothing while it is stopped."""
    monkeypatch.setattr(asked, "SECONDS", 2)
    target = Direct(database)
    pid = int(target.row("SELECT pg_backend_pid() AS pid")["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for question in range(20):
            with pytest.raises(AssertionError, match="did not get done within 2 s"):
                target.rows(f"SELECT {question}")
        assert time.monotonic() - began < 20
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_the_role_set_for_itself_does_not_bend_an_answer(
    database: dict[str, str], conn: Connection
) -> None:
    """Texts came as bytes."""
    conn.execute("ALTER ROLE postgres SET client_encoding = 'SQL_ASCII'")
    conn.execute("ALTER ROLE postgres SET default_transaction_read_only = off")
    try:
        target = Direct(database)
        assert target.row("SELECT 'a'::text AS it")["it"] == "a"
        with pytest.raises(AssertionError, match="read-only"):
            target.rows("CREATE TABLE t ()")
    finally:
        conn.execute("ALTER ROLE postgres RESET ALL")
