"""Runs on the host: what a loopback address answers. Argument: the URL."""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any


def main() -> None:
    """Print the JSON that it answers, or what is wrong."""
    # No proxy: the endpoint is on loopback, whatever the host's environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found: dict[str, Any]
    try:
        with opener.open(sys.argv[1], timeout=10) as answer:
            found = {"answer": json.load(answer)}
    except (OSError, ValueError) as error:
        found = {"problem": str(error)}
    json.dump(found, sys.stdout)


main()
