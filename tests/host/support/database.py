"""Read-only SQL, by way of the service's host and with the service's own account.

The connection leaves from the host (a port forwarded over its SSH connection), so it takes the same
road as the service's; the certificate is verified against the declared authority.
"""

import tempfile
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import Composed

from rollout.hosts.ssh import Connections
from sessionstore.database.connection import hung_up
from sessionstore.tables.layout import Tables
from sessionstore.tables.statements import statement

from .declared import Declared

Row = dict[str, Any]
# Whatever a check asks by mistake, the server refuses to write and ends what takes too long.
READ_ONLY = "-c default_transaction_read_only=on -c statement_timeout=30000"
# What this machine waits for one answer: a server may be stopped, and what it runs may set that longer.
SECONDS = 60
# Over what the service's role set for itself.
SESSION: dict[str, Any] = {
    "client_encoding": "UTF8",
    "options": READ_ONLY,
    "autocommit": True,
    "row_factory": dict_row,
}


class Database:
    """The declared database as seen from one host; connected at the first question."""

    def __init__(self, declared: Declared, connections: Connections) -> None:
        self._declared = declared
        self._connections = connections
        self._connection: psycopg.Connection[Row] | None = None
        self._refused: AssertionError | None = None
        self._port: int | None = None

    @property
    def tables(self) -> Tables:
        return self._declared.tables

    def rows(self, question: str, **values: Any) -> list[Row]:
        """The rows that a SELECT with named placeholders gives; no answer is an AssertionError.

        The service's tables are {keys} and {credentials} in it, whatever they are called.
        """
        try:
            return self._asked(statement(self.tables, question), values).fetchall()
        except psycopg.Error as error:
            raise AssertionError(message_of(error)) from None
        except MemoryError:
            raise AssertionError("the database answers more than there is memory for") from None

    def complaint_of(self, script: str) -> str | None:
        """What a script finds that only looks, and raises an error when something is wrong."""
        try:
            self._asked(script)
        except psycopg.Error as error:
            return message_of(error)
        return None

    def _asked(
        self, question: str | Composed, values: dict[str, Any] | None = None
    ) -> psycopg.Cursor[Row]:
        connection = self._connected()
        try:
            with hung_up(connection, SECONDS):
                return connection.execute(question, values)
        except psycopg.OperationalError as error:
            if connection.closed:
                what = f"the database went away, or did not get done within {SECONDS} s"
                self._refused = AssertionError(f"{what}: {message_of(error)}")
                raise self._refused from None
            raise

    def row(self, question: str, **values: Any) -> Row:
        """The only row that a SELECT gives."""
        found = self.rows(question, **values)
        assert len(found) == 1, f"{len(found)} rows instead of one: {question}"
        return found[0]

    def connect(
        self, *, authority: str | None = None, host: str | None = None
    ) -> psycopg.Connection[Row]:
        """A new connection; another authority (PEM text) or host than declared may be looked for."""
        declared = self._declared
        if self._port is None:
            target, port = declared.text("database_host"), declared.number("database_port")
            self._port = self._connections.forward(declared.host, target, port)
        with tempfile.TemporaryDirectory(prefix="br-ca-") as directory:
            file = Path(directory) / "ca.crt"
            file.write_text(authority or declared.text("database_ca_certificate"))
            return psycopg.connect(
                host=host or declared.text("database_host"),
                hostaddr="127.0.0.1",
                port=self._port,
                dbname=declared.text("database_name"),
                user=declared.text("database_app_user"),
                password=declared.secret("database_app_password"),
                sslmode="verify-full",
                sslrootcert=str(file),
                connect_timeout=15,
                application_name="rollout verify",
                **SESSION,
            )

    def _connected(self) -> psycopg.Connection[Row]:
        if self._refused:  # each further attempt may cost its whole time-out
            raise self._refused
        try:
            self._connection = self._connection or self.connect()
            return self._connection
        except psycopg.OperationalError as error:
            where = f"{self._declared.text('database_host')}:{self._declared.text('database_port')}"
            reason = " ".join(str(error).split())
            name = self._declared.host.name
            self._refused = AssertionError(
                f"{where} can't be used from {name}: {reason} (if sshd on {name} forbids port "
                "forwarding, allow it for this address: AllowTcpForwarding local)"
            )
            raise self._refused from None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def message_of(error: psycopg.Error) -> str:
    """PostgreSQL's message in one line, without the position in the statement."""
    return error.diag.message_primary or " ".join(str(error).split())
