"""Runs on the host: where a release's own code mentions some names.

Passed over: installed packages and the archive.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.host.probes.reading import read, walk

SOURCES = (".js", ".mjs", ".cjs", ".ts")
PASSED_OVER = ("node_modules", "archive", ".git")


def sources(release: str) -> list[Path]:
    """The release's own source files, and what it depends on."""
    return [
        Path(folder, one.name)
        for folder, entries in walk(release, PASSED_OVER)
        for one in entries
        if one.name.endswith(SOURCES) or one.name == "package.json"
        if not one.is_dir(follow_symlinks=False)
    ]


def answer(release: str, *names: str) -> dict[str, Any]:
    """How many files were read, and each line that mentions a name."""
    release = os.path.realpath(release)
    files = sources(release)
    mentions = [
        f"{path.relative_to(release)}:{number}: {name}"
        for path in files
        for number, line in enumerate(read(path).decode(errors="replace").splitlines(), 1)
        for name in names
        if name in line
    ]
    return {"files": len(files), "mentions": mentions}
