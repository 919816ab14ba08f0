"""Who rolls out what, and why."""

from __future__ import annotations

import getpass
from dataclasses import asdict, dataclass

from roles.hostprogram.plan import new_rollout_id


@dataclass(frozen=True)
class Run:
    rollout_id: str
    operator: str
    reason: str  # why; may be empty

    @classmethod
    def begun(cls, reason: str) -> Run:
        """A new one, of whoever is logged in here."""
        return cls(new_rollout_id(), getpass.getuser(), reason)

    def overrides(self) -> dict[str, str]:
        return asdict(self)
