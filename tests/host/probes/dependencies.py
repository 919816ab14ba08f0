"""Runs on the host: whether node_modules is what the lock file says."""

from __future__ import annotations

import json
from typing import Any

from tests.host.probes.reading import read


def packages(path: str) -> dict[str, Any]:
    """The packages of a lock file, by where they are installed."""
    found: dict[str, Any] = json.loads(read(path))["packages"]
    return found


def answer(release: str) -> dict[str, Any]:
    """What differs, and how many packages there are."""
    wanted = packages(f"{release}/package-lock.json")
    # npm writes this one last, so it is missing where an installation was cut off.
    installed = packages(f"{release}/node_modules/.package-lock.json")
    problems = []
    for place, package in wanted.items():
        if not place or package.get("dev") or package.get("optional") or package.get("devOptional"):
            continue
        if package.get("peer") and place not in installed:
            continue
        there = installed.get(place, {}).get("version", "missing")
        if there != package.get("version"):
            problems.append(f"{place}: {there}, the lock file says {package.get('version')}")
    return {"problems": problems, "packages": len(installed)}
