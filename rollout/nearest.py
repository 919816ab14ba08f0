"""The known name that a mistyped one probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is closest to a mistyped one; empty if none is close."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``Did you mean …?`` for a message, with the space before it; empty if nothing is close."""
    close = nearest(name, known)
    return f" Did you mean {close}?" if close else ""
