"""Runs on the host: what a loopback address answers. Argument: the URL."""

from __future__ import annotations

import json
import sys
import urllib.request
from http.client import HTTPException
from typing import Any

LARGEST = 1 << 20


def main() -> None:
    """Print the JSON that it answers, or what is wrong."""
    # No proxy: the endpoint is on loopback, whatever the host's environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found: dict[str, Any]
    try:
        with opener.open(sys.argv[1], timeout=10) as answer:
            content = answer.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"it answers with more than {LARGEST >> 20} MiB")
        found = {"answer": json.loads(content)}
    except (OSError, ValueError, HTTPException) as error:
        found = {"problem": str(error)}
    json.dump(found, sys.stdout)


main()
