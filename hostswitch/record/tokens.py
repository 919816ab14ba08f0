"""The result of a verification, as it goes into the history. Pure."""

from __future__ import annotations

import json
from typing import Any

from hostswitch.base.errors import HostError


class TokenError(HostError):
    """What came on standard input is no result of a verification."""


def token(text: str) -> dict[str, Any]:
    """Read a verification's result.

    Args:
        text: one JSON object: `rollout_id`, `verified` (a boolean: every check passed), and
            any figures beside them (passed, failed, not_checked …).

    Returns:
        The fields.

    Raises:
        TokenError: it is something else.
    """
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise TokenError(f"the result on standard input is not JSON: {error}") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("verified"), bool):
        raise TokenError('the result on standard input must be an object with "verified": true')
    if not isinstance(fields.get("rollout_id"), str):
        raise TokenError('the result on standard input must name its "rollout_id"')
    reserved = {"event", "at"} & fields.keys()
    if reserved:
        raise TokenError(f"the result must not hold {', '.join(sorted(reserved))}")
    return fields


SCOPES = ("environment", "host")


_TEXTS = ("rollout_id", "operator", "reason", "scope", "undoes")


class ToggleError(HostError):
    """What came on standard input is no record of a toggle."""


def toggle(text: str) -> dict[str, Any]:
    """Read the record of a toggle.

    Args:
        text: one JSON object: `rollout_id`, `operator`, `reason`, `scope` (`environment`, or
            `host` for a canary), `undoes` (another rollout id, or empty) and `changes`: a list of
            {`name`, `from`, `to`} as declared before and after, None where it was not declared.

    Returns:
        The fields.

    Raises:
        ToggleError: it is something else.
    """
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise ToggleError(f"the toggle on standard input is not JSON: {error}") from None
    if not isinstance(fields, dict) or set(fields) != {*_TEXTS, "changes"}:
        raise ToggleError(f"the toggle must be an object of {', '.join(_TEXTS)} and changes")
    wrong = [name for name in _TEXTS if not isinstance(fields[name], str)]
    if wrong or fields["scope"] not in SCOPES:
        raise ToggleError(f"the toggle's {', '.join(wrong) or 'scope'} is not understood")
    changes = fields["changes"]
    if not isinstance(changes, list) or not all(map(_is_change, changes)):
        raise ToggleError("the toggle's changes must be a list of name, from and to")
    return fields


def _is_change(change: Any) -> bool:
    if not isinstance(change, dict) or set(change) != {"name", "from", "to"}:
        return False
    values = (change["from"], change["to"])
    return isinstance(change["name"], str) and all(v is None or isinstance(v, str) for v in values)
