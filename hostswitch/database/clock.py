"""How far this host's clock is from the database's: evidence compares times of both.

A file's time is the host's, a row's the database's (``sessionstore/judgement/evidence.py``), and the
days until a removal are counted by the host's. A switch and a removal are refused where the two
disagree, so both ends of that count are the database's time too, within the tolerance.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hostswitch.base.errors import Refusal

if TYPE_CHECKING:
    from psycopg import Connection

FURTHEST_SECONDS = 300.0
_REMEDY = "Set it: timedatectl set-ntp true (apt-get install systemd-timesyncd), then: timedatectl"


def measured(connection: Connection[Any]) -> float:
    """How many seconds the host's clock is ahead of the database's; negative if behind.

    Raises StoreError: the statement failed, or the connection broke.
    """
    from sessionstore.database.connection import explained

    with explained("asking the database's time"):
        asked = time.time()
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        answered = time.time()
    assert row is not None
    return round((asked + answered) / 2 - float(row[0]), 3)


def refusals(ahead: float | None) -> list[Refusal]:
    """Why nothing may be concluded from times; empty if the clocks agree.

    Nor where the database could not be asked, which is its own error.
    """
    if ahead is None or abs(ahead) <= FURTHEST_SECONDS:
        return []
    which = "ahead of" if ahead > 0 else "behind"
    what = f"this host's clock is {abs(ahead):,.0f} s {which} the database's"
    return [Refusal("clock", what, "this host", _REMEDY)]
