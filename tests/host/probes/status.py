"""Runs on the host: what a loopback address answers."""

import json
import urllib.request
from http.client import HTTPException
from typing import Any

LARGEST = 1 << 20


def answer(url: str) -> dict[str, Any]:
    """The JSON that it answers, or what is wrong."""
    # No proxy: the endpoint is on loopback, whatever the host's environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as reply:
            content = reply.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"it answers with more than {LARGEST >> 20} MiB")
        return {"answer": json.loads(content)}
    except (OSError, ValueError, HTTPException) as error:
        return {"problem": str(error)}
