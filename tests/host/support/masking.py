"""Keeps secrets out of messages: declared ones, and keys that libraries print into logs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rollout.secret import MASK

# libsignal prints whole sessions, private keys included, when it closes one.
_BUFFERS = re.compile(r"<Buffer(?: [0-9a-f]{2})+[^>]*>")
# 32 bytes in base64, with or without Signal's type byte before them: the size of every key.
_KEYS = re.compile(r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{44})(?![A-Za-z0-9+/=])")
_SHORTEST = 4


def mask(text: str, secrets: Sequence[str]) -> str:
    """A text with every secret in it masked.

    Args:
        text: a message or a piece of log.
        secrets: declared secrets, longest first.
    """
    for secret in secrets:
        for spelling in {secret, repr(secret)[1:-1]}:
            if len(spelling) >= _SHORTEST:
                text = text.replace(spelling, MASK)
    return _KEYS.sub(MASK, _BUFFERS.sub(MASK, text))
