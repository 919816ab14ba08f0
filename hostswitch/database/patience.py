"""How long the database is waited for, above all while the service is down: one deadline for all of it.

A server that accepts and then says nothing has no end of its own: its kernel answers keepalives.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hostswitch.database.connection import connect
from hostswitch.plan import Plan
from sessionstore.errors import DatabaseUnreachable, StoreError

if TYPE_CHECKING:
    # Imported late, as everywhere: preflight runs without libpq.
    from sessionstore.database.connection import Connection

LEAST_SECONDS = 10.0
"""For a put back whose switch has used its patience up."""


READY_SECONDS = 900.0
"""While the service still runs, for each thing that row 0 asks."""
BACKUP_SECONDS = 3 * 3600.0
"""For a backup of the tables. With row 0's questions it is less than the four hours of the unit."""


class Patience:
    """Some seconds from now on, for every connection together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    @contextmanager
    def connected(self, plan: Plan, *, wait: bool = False) -> Iterator[Connection]:
        """Connect, trying again in time where it is to wait, and hang up where the block is not done in time.

        Raises StoreError: what the block was at when it was hung up, or another error of the database.
        """
        connection = self._connect(plan, wait)
        from sessionstore.database.connection import hung_up

        try:
            with hung_up(connection, self.left()), connection:
                yield connection
        except StoreError as error:
            if self.left():
                raise
            what = f"the database did not get done within {self.seconds:.0f} s: {error.what}"
            raise type(error)(what, error.where, error.remedy) from None

    def _connect(self, plan: Plan, wait: bool) -> Connection:
        while self.left():
            try:
                return connect(plan)
            except DatabaseUnreachable:
                if not wait or self.left() < 1:
                    raise
                time.sleep(1)
        raise DatabaseUnreachable(
            f"the database did not get done within {self.seconds:.0f} s",
            plan.database.host,
            "Nothing more was asked of it; run again when it answers.",
        )
