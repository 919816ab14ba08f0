"""What the controller has proven, as it goes into the history. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from hostswitch.base.structured import Form, PlanError, load, one_of, parsed

_VERIFICATION, _TOGGLE = "result of a verification", "record of a toggle"


def verification(text: str) -> dict[str, Any]:
    """Read a verification's result.

    It is one JSON object: `rollout_id`, `verified` (a boolean: every check passed), and any figures
    beside them (passed, failed, not_checked …). Raises PlanError: it is something else.
    """
    fields = parsed(text, _VERIFICATION)
    if not isinstance(fields, dict) or not isinstance(fields.get("verified"), bool):
        raise PlanError(f'the {_VERIFICATION} must be an object with "verified": true')
    if not isinstance(fields.get("rollout_id"), str):
        raise PlanError(f'the {_VERIFICATION} must name its "rollout_id"')
    reserved = {"event", "at"} & fields.keys()
    if reserved:
        raise PlanError(f"the {_VERIFICATION} must not hold {', '.join(sorted(reserved))}")
    return fields


_Change = Annotated[
    Mapping[str, str | None],
    Form("an object of name, from and to", lambda one: one.keys() == {"name", "from", "to"}),
    Form("a change of something that has a name", lambda one: one["name"] is not None),
]


@dataclass(frozen=True)
class Toggle:
    """A toggle of flags that was proven on all its hosts."""

    rollout_id: str
    operator: str
    reason: str
    scope: Annotated[str, one_of("environment", "host")]
    """The host alone: a canary."""
    undoes: str
    """Another toggle's rollout id, or empty."""
    changes: tuple[_Change, ...]
    """As declared before and after, None where it was not declared."""


def toggle(text: str) -> dict[str, Any]:
    """Read the record of a toggle: the fields of `Toggle`. Raises PlanError: it is something else."""
    return asdict(load(Toggle, text, _TOGGLE))
