"""Runs on the host: which processes hold something at or under some directories.

Looked at: working and root directory, the program, open descriptors,
mapped files. What was deleted and is still held has its bytes not free.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

DELETED = " (deleted)"


def links(process: Path) -> Iterator[tuple[str, str]]:
    """Where the process's links lead, each with its kind."""
    places = [(name, process / name) for name in ("cwd", "root", "exe")]
    for kind, link in [*places, *(("fd", one) for one in (process / "fd").iterdir())]:
        # It may be closed while it is looked at, and kernel threads have none.
        with suppress(OSError):
            yield kind, str(link.readlink())


def maps(process: Path) -> Iterator[tuple[str, str]]:
    """The files that the process has mapped."""
    with (process / "maps").open(errors="surrogateescape") as file:
        for line in file:
            parts = line.rstrip("\n").split(maxsplit=5)
            if len(parts) == 6 and parts[5].startswith("/"):
                yield "map", parts[5]


def program(process: Path) -> str:
    """What the process runs; empty for a kernel thread."""
    try:
        return str((process / "exe").readlink()).removesuffix(DELETED)
    except OSError:
        return ""


def held_by(process: Path, directories: list[str]) -> Iterator[dict[str, object]]:
    """What one process holds there."""
    for kind, path in sorted({*links(process), *maps(process)}):
        plain = path.removesuffix(DELETED)
        if any(plain == one or plain.startswith(one + "/") for one in directories):
            yield {
                "pid": int(process.name),
                "program": program(process),
                "kind": kind,
                "path": plain.encode("utf-8", "replace").decode(),
                "deleted": path.endswith(DELETED),
            }


def answer(*places: str) -> list[dict[str, object]]:
    directories = [path.rstrip("/") for path in places]
    found: list[dict[str, object]] = []
    for process in Path("/proc").glob("[0-9]*"):
        # It may end while it is looked at.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += held_by(process, directories)
    return found
