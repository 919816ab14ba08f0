"""Whether a set-aside directory may be deleted yet. Pure: history in, answer out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hostswitch import clock

DAY = 86400.0
WAITING_FOR_VERIFICATION = "waiting for verification"


@dataclass(frozen=True)
class Ripeness:
    """Whether removal is due, and if not, what it waits for."""

    due: bool
    why: str
    unverified: bool = False
    """Whether nothing but the verification is missing."""


def judge(lines: Sequence[dict[str, Any]], rollout_id: str, days: float, now: float) -> Ripeness:
    """Judge the directories that one rollout set aside.

    Args:
        lines: the host's history, oldest first.
        rollout_id: the rollout that set them aside.
        days: how long the service must have lived without them.
        now: wall clock, seconds since 1970.

    Returns:
        Due only with positive evidence: a healthy switch since, the latest one verified
        afterwards, and the days gone by.
    """
    own = next((n for n, line in enumerate(lines) if _is_switch(line, rollout_id)), None)
    if own is None:
        return Ripeness(False, f"the history has no switch {rollout_id}")
    healthy = next((line for line in lines[own:] if line.get("outcome") == "switched"), None)
    latest = max(n for n, line in enumerate(lines) if line.get("event") == "switch")
    if healthy is None or lines[latest].get("outcome") != "switched":
        return Ripeness(False, "waiting for a healthy switch")
    ripe = clock.seconds(healthy["at"]) + days * DAY
    if now < ripe:
        return Ripeness(False, f"removal due {clock.text(ripe)[:10]}")
    tokens = [line for line in lines[latest:] if line.get("event") == "verified"]
    if not tokens or tokens[-1].get("verified") is not True:
        return Ripeness(False, WAITING_FOR_VERIFICATION, unverified=True)
    return Ripeness(True, "removal is due")


def _is_switch(line: dict[str, Any], rollout_id: str) -> bool:
    return line.get("event") == "switch" and line.get("rollout_id") == rollout_id
