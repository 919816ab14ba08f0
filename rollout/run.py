"""Who rolls out what, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Run:
    rollout_id: str
    operator: str
    reason: str  # why; may be empty

    def overrides(self) -> dict[str, str]:
        return asdict(self)
