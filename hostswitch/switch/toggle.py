"""One toggle of flags, in one start: stage the .env, switch to it, look at what the process has then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hostswitch.envfile.staging import EnvPlan, stage
from hostswitch.host import Host
from hostswitch.plan import Plan
from hostswitch.service.flags import FlagPlan, show
from hostswitch.switch import run as switch


@dataclass(frozen=True)
class Toggle:
    env: EnvPlan
    switch: Plan
    flags: FlagPlan


def run(plan: Toggle, host: Host) -> dict[str, Any]:
    """Stage, switch and look. The caller holds the lock; no switch is open.

    The switch's result, `staged` (what changes in the .env) and `seen` (as `flags` shows it).
    """
    staged = stage(plan.env, check_only=False)
    result = switch.run(host)
    return {**result, "staged": staged.changes, "seen": show(plan.flags, host.places)}
