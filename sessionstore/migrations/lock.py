"""The lock that lets one migration run at a time work on a database.

A session advisory lock: it frees itself when its holder dies, even by kill -9; but it is
the server session's, so it must be taken on a direct connection (docs/facts.md section 4).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sessionstore.database.connection import Connection, explained
from sessionstore.errors import LockHeld, MigrationProblem

_TAKE = "SELECT pg_try_advisory_lock(hashtextextended('baileys-rollout/migrations', 0))"
_FREE = "SELECT pg_advisory_unlock(hashtextextended('baileys-rollout/migrations', 0))"
# Its 64-bit key is split over two columns of pg_locks.
_HOLDERS = """
SELECT pid, pid = pg_backend_pid() FROM pg_locks
 WHERE locktype = 'advisory' AND granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND (classid::bigint << 32 | objid::bigint)
       = hashtextextended('baileys-rollout/migrations', 0)
"""
_WHO = """
SELECT format('held by server process %%s, user %%s, application %%s',
              pid, usename, application_name)
  FROM pg_stat_activity WHERE pid = ANY (%s)
"""


@contextmanager
def locked(conn: Connection, wait: float) -> Iterator[None]:
    """Hold the lock for a block; LockHeld where another holder has it for longer than ``wait`` seconds."""
    deadline = time.monotonic() + wait
    with explained("waiting for another migration run"):
        while conn.execute(_TAKE).fetchone() != (True,):
            if time.monotonic() >= deadline:
                raise LockHeld(
                    f"another migration run did not end within {wait:g} s",
                    _holder(conn),
                    "Wait for it to end, then run again.",
                )
            time.sleep(0.2)
    try:
        yield
    finally:
        if not conn.closed and not conn.broken:
            conn.execute(_FREE)


def _holder(conn: Connection) -> str:
    holders = [pid for pid, _ in conn.execute(_HOLDERS).fetchall()]
    row = conn.execute(_WHO, [holders]).fetchone()
    return str(row[0]) if row else "its holder has just gone"


def demand_lock(conn: Connection) -> None:
    if not any(mine for _, mine in conn.execute(_HOLDERS).fetchall()):
        raise MigrationProblem(
            "the lock is gone: this connection goes through a transaction pooler",
            remedy="Give the database's direct address.",
        )
