"""Runs on the host: what a release is made of."""

import json
import os
from pathlib import Path
from typing import Any

from tests.host.probes.reading import read, walk

SOURCES = (".js", ".mjs", ".cjs", ".ts")
PASSED_OVER = ("node_modules", "archive", ".git")


def dependencies(release: str) -> dict[str, Any]:
    """Where node_modules is not what the lock file says, and how many packages there are."""
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


def packages(path: str) -> dict[str, Any]:
    """The packages of a lock file, by where they are installed."""
    found: dict[str, Any] = json.loads(read(path))["packages"]
    return found


def mentions(release: str, *names: str) -> dict[str, Any]:
    """How many files of its own it has, installed packages left out, and where they mention a name."""
    release = os.path.realpath(release)
    files = sources(release)
    found = [
        f"{path.relative_to(release)}:{number}: {name}"
        for path in files
        for number, line in enumerate(read(path).decode(errors="replace").splitlines(), 1)
        for name in names
        if name in line
    ]
    return {"files": len(files), "mentions": found}


def sources(release: str) -> list[Path]:
    """The release's own source files, and what it depends on."""
    return [
        Path(folder, one.name)
        for folder, entries in walk(release, PASSED_OVER)
        for one in entries
        if one.name.endswith(SOURCES) or one.name == "package.json"
        if not one.is_dir(follow_symlinks=False)
    ]
