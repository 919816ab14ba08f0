"""What a command that only looks knows of the service, and how it shows that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sessionstore.disk.holders import Sight
from sessionstore.judgement.activity import UNKNOWN, Activity


def with_holders(plan: Mapping[str, Any], sight: Sight) -> Activity:
    """Put together what the plan says of the service and what was seen of processes."""
    return Activity(plan.get("service", UNKNOWN), sight.holders, len(sight.closed))


def shown(activity: Activity) -> dict[str, object]:
    """Give the fields of a result that tell of it."""
    return {
        "service": activity.service,
        "holders": [one._asdict() for one in activity.holders],
        "unseen": activity.unseen,
    }
