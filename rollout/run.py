"""Who rolls out what, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """Who rolls out, and why.

    Args:
        rollout_id: id of this run.
        operator: who.
        reason: why; may be empty.
    """

    rollout_id: str
    operator: str
    reason: str

    def overrides(self) -> dict[str, str]:
        """What every host's plan gets of it."""
        return {
            "rollout_id": self.rollout_id,
            "operator": self.operator,
            "reason": self.reason,
        }
