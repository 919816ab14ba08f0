"""An environment's hosts as JSON lines' worth of text, secrets marked, between our own processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollout.secret import Secret

SECRET_MARK = "__secret__"


def marked(value: Any) -> Any:
    """Plain data with every ``Secret`` as ``{"__secret__": text}``, for a pipe to our own child."""
    if isinstance(value, Secret):
        return {SECRET_MARK: value.reveal()}
    if isinstance(value, Mapping):
        return {key: marked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [marked(item) for item in value]
    return value


def unmarked(value: Any) -> Any:
    """The inverse of ``marked``: marked texts become ``Secret``."""
    if isinstance(value, dict):
        if set(value) == {SECRET_MARK}:
            return Secret(value[SECRET_MARK])
        return {key: unmarked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unmarked(item) for item in value]
    return value
