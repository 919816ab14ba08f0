"""One toggle of flags, in one start: stage the .env, switch to it, look at what the process has then."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hostswitch.base.errors import HostError
from hostswitch.base.places import Places
from hostswitch.envfile import staging
from hostswitch.envfile.staging import EnvPlan
from hostswitch.host import Host
from hostswitch.plan import load
from hostswitch.service import flags as flagview
from hostswitch.service.flags import FlagPlan
from hostswitch.switch import run as switch


@dataclass(frozen=True)
class Toggling:
    """A toggle's plan: those of `env`, `switch` and `flags`; secrets are in it."""

    env: EnvPlan
    host: Host
    switch_text: str
    flags: FlagPlan


def read_plan(text: str, places: Places) -> Toggling:
    """The plan on standard input: an object of `env`, `switch` and `flags`.

    Raises:
        HostError: it is no such plan.
    """
    try:
        parts = json.loads(text)
        env, switching, flags = (json.dumps(parts[one]) for one in ("env", "switch", "flags"))
    except (ValueError, KeyError, TypeError) as error:
        raise HostError(
            f"the toggle's plan on standard input is not understood: {error!r}"
        ) from None
    return Toggling(
        staging.read_plan(env),
        Host(load(switching), places),
        switching,
        flagview.read_plan(flags),
    )


def run(plan: Toggling) -> dict[str, Any]:
    """Stage, switch and look. The caller holds the lock; no switch is open.

    Returns:
        The switch's result, `staged` (what changes in the .env) and `seen` (as `flags` shows it).

    Raises:
        HostError: what staging or the switch raises.
    """
    staged = staging.stage(plan.env, check_only=False)
    result = switch.run(plan.host, plan.switch_text)
    return {
        **result,
        "staged": staged.changes,
        "seen": flagview.show(plan.flags, plan.host.places),
    }
