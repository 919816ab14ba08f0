"""Runs on the host: one process as the kernel sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def environment(process: Path, names: Sequence[str]) -> dict[str, str]:
    """The named variables that the process was started with."""
    parts = (process / "environ").read_bytes().decode("utf-8", "replace").split("\0")
    pairs = (part.partition("=") for part in parts)
    return {name: value for name, _, value in pairs if name in names}


def effective_user(process: Path) -> int:
    lines = (process / "status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Uid:")).split()[2])


def answer(pid: str, *names: str) -> dict[str, object]:
    """All of it; what only its own user may see, left out where it has another.

    Args:
        names: of the environment variables to show; no other is read out.
    """
    process = Path("/proc") / pid
    uid = effective_user(process)
    try:
        own: dict[str, object] = {
            "environment": environment(process, names),
            "cwd": str((process / "cwd").readlink()),
            "executable": str((process / "exe").readlink()),
        }
    except PermissionError:
        own = {}
    return {"uid": uid, **own}
