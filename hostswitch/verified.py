"""The result of a verification, as it goes into the history. Pure."""

from __future__ import annotations

import json
from typing import Any

from hostswitch.errors import HostError


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
