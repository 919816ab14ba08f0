"""Stands in for Supabase: rows of tables over HTTP, kept where it runs and nowhere near the service.

A part of PostgREST's interface, over SQLite: `GET`, `POST` (upsert) and `DELETE` on `/rest/v1/TABLE`, columns
compared by `eq.` and `in.`. Whoever sends the wrong key is refused. It needs Python's own library only.

Usage: SUPABASE_KEY=... python3 supabase.py ADDRESS PORT FILE
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEYS = {
    "whatsapp_auth": ("company_id",),
    "whatsapp_keys": ("company_id", "key_type", "key_id"),
}
MAX_BODY = 16 * 1024 * 1024


class RefusedError(Exception):
    """A request that can't be answered: its status and a sentence."""


class Tables:
    """The rows, a JSON object each."""

    def __init__(self, file: str) -> None:
        self.database = sqlite3.connect(file, isolation_level=None)
        for table, key in KEYS.items():
            columns = ", ".join(f"{column} TEXT NOT NULL" for column in key)
            self.database.execute(
                f"CREATE TABLE IF NOT EXISTS {table} ({columns}, row TEXT NOT NULL,"
                f" PRIMARY KEY ({', '.join(key)}))"
            )

    def select(self, table: str, filters: list[tuple[str, str]]) -> list[dict[str, Any]]:
        """The rows that all filters let through."""
        where, values = _where(table, filters)
        found = self.database.execute(f"SELECT row FROM {table}{where}", values)
        return [json.loads(row) for (row,) in found]

    def delete(self, table: str, filters: list[tuple[str, str]]) -> None:
        """Delete them; all of a table only over the dead body of this program."""
        if not filters:
            raise RefusedError(400, "DELETE requires a filter")
        where, values = _where(table, filters)
        self.database.execute(f"DELETE FROM {table}{where}", values)

    def upsert(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Insert rows, or put them in the place of those with the same key: all or none."""
        key = KEYS[table]
        places = ", ".join("?" * (len(key) + 1))
        self.database.execute("BEGIN")
        try:
            self.database.executemany(
                f"INSERT OR REPLACE INTO {table} VALUES ({places})",
                [(*(row[column] for column in key), json.dumps(row)) for row in rows],
            )
        except (sqlite3.Error, KeyError):
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")


def _where(table: str, filters: list[tuple[str, str]]) -> tuple[str, list[str]]:
    conditions, values = [], []
    for column, condition in filters:
        if column not in KEYS[table]:
            raise RefusedError(400, f"column {column} can't be a filter")
        operator, _, operand = condition.partition(".")
        one_of = [operand] if operator == "eq" else _listed(operator, operand)
        conditions.append(f"{column} IN ({', '.join('?' * len(one_of))})")
        values += one_of
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values


def _listed(operator: str, operand: str) -> list[str]:
    if operator != "in" or not (operand.startswith("(") and operand.endswith(")")):
        raise RefusedError(400, f"can't compare by {operator}")
    return next(csv.reader([operand[1:-1]], escapechar="\\", doublequote=False), [])


class Handler(BaseHTTPRequestHandler):
    """One request."""

    tables: Tables
    key: str

    def do_GET(self) -> None:
        """Rows."""
        self._answer()

    def do_POST(self) -> None:
        """Rows to keep."""
        self._answer()

    def do_DELETE(self) -> None:
        """Rows to delete."""
        self._answer()

    def log_message(self, *_: object) -> None:
        """Nothing: what is asked for names contacts."""

    def _answer(self) -> None:
        try:
            code, body = 200, self._act()
        except RefusedError as refused:
            code, body = refused.args[0], {"message": refused.args[1]}
        except (KeyError, TypeError, ValueError, sqlite3.Error) as error:
            code, body = 400, {"message": str(error)}
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _act(self) -> object:
        if self.headers.get("apikey") != self.key:
            raise RefusedError(401, "Invalid API key")
        url = urlsplit(self.path)
        table = url.path.removeprefix("/rest/v1/")
        if table not in KEYS:
            raise RefusedError(404, f"there is no table {table}")
        filters = parse_qsl(url.query)
        columns = [value for name, value in filters if name == "select"]
        filters = [one for one in filters if one[0] != "select"]
        if self.command == "DELETE":
            return self.tables.delete(table, filters)
        if self.command == "POST":
            length = min(int(self.headers.get("Content-Length", 0)), MAX_BODY)
            return self.tables.upsert(table, json.loads(self.rfile.read(length)))
        wanted = columns[0].split(",") if columns else None
        rows = self.tables.select(table, filters)
        return [{name: row.get(name) for name in wanted or row} for row in rows]


def main() -> None:
    """Serve until ended."""
    address, port, file = sys.argv[1:]
    Handler.tables = Tables(file)
    Handler.key = os.environ["SUPABASE_KEY"]
    HTTPServer((address, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
