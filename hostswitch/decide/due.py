"""Whether a set-aside directory may be deleted yet. Pure: history in, answer out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hostswitch.base import clock

DAY = 86400.0
WAITING_FOR_VERIFICATION = "waiting for verification"


@dataclass(frozen=True)
class Removal:
    """Whether removal is due, and if not, what it waits for."""

    due: bool
    why: str
    unverified: bool = False
    """Whether nothing but the verification is missing."""


def verification(lines: Sequence[dict[str, Any]], rollout_id: str) -> dict[str, Any] | None:
    """This rollout's own verification after the latest switch; an earlier one's is no permission today."""
    switches = [number for number, line in enumerate(lines) if line.get("event") == "switch"]
    later = lines[switches[-1] :] if switches else lines
    wanted = ("verified", rollout_id)
    own = (one for one in reversed(later) if (one.get("event"), one.get("rollout_id")) == wanted)
    return next(own, None)


def judge(
    lines: Sequence[dict[str, Any]], rollout_id: str, days: float, now: float, current: str
) -> Removal:
    """Judge the directories that one rollout set aside, at `now`, in the rollout `current`.

    Due only with positive evidence: a healthy switch since, the days gone by without them, and the host
    verified in this very rollout.
    """
    own_switch = ("switch", rollout_id)
    events = [(line.get("event"), line.get("rollout_id")) for line in lines]
    own = events.index(own_switch) if own_switch in events else None
    if own is None:
        return Removal(False, f"the history has no switch {rollout_id}")
    healthy = next((line for line in lines[own:] if line.get("outcome") == "switched"), None)
    latest = max(n for n, line in enumerate(lines) if line.get("event") == "switch")
    if healthy is None or lines[latest].get("outcome") != "switched":
        return Removal(False, "waiting for a healthy switch")
    due = clock.seconds(healthy["at"]) + days * DAY
    if now < due:
        return Removal(False, f"removal due {clock.text(due)[:10]}")
    token = verification(lines, current)
    if token is None or token.get("verified") is not True:
        return Removal(False, WAITING_FOR_VERIFICATION, unverified=True)
    return Removal(True, "removal is due")
