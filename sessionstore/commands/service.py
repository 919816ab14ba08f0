"""What a command that only looks knows of the service, and how it shows that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sessionstore.commands.plan import companies_of
from sessionstore.disk.holders import Sight
from sessionstore.judgement.activity import UNKNOWN, Activity
from sessionstore.scan.result import DirectoryScan

if TYPE_CHECKING:
    from sessionstore.database.connection import Connection
    from sessionstore.removal.account import Accounting


def with_holders(plan: Mapping[str, Any], sight: Sight) -> Activity:
    return Activity(plan.get("service", UNKNOWN), sight.holders, len(sight.closed))


def accounted(
    conn: Connection, scan: DirectoryScan, kind: str, plan: Mapping[str, Any], activity: Activity
) -> Accounting:
    from sessionstore.removal import account

    return account.account(
        conn,
        scan,
        kind,
        company_ids=companies_of(plan),
        activity=activity,
        acknowledge=plan.get("acknowledge"),
    )


def shown(activity: Activity) -> dict[str, object]:
    return {
        "service": activity.service,
        "holders": [one._asdict() for one in activity.holders],
        "unseen": activity.unseen,
    }
