"""Which revision a directory holds, and which Baileys it locks. Reads files; runs no git."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hostswitch.errors import HostError
from hostswitch.plan import is_hash
from hostswitch.safefile import read_regular

_LARGEST_LOCK = 64 << 20
_LARGEST_REFERENCES = 16 << 20
_BAILEYS = ("node_modules/@whiskeysockets/baileys", "node_modules/baileys")


def revision_of(directory: str) -> str | None:
    """The commit that a release or an in-place checkout is at.

    Args:
        directory: `releases/<hash>`, or a git work tree.

    Returns:
        The full hash, or None where neither says.
    """
    name = os.path.basename(directory)
    return name if is_hash(name) else _checked_out(Path(directory, ".git"))


def _checked_out(git: Path) -> str | None:
    head = _text(git / "HEAD")
    if not head.startswith("ref: "):
        return head if is_hash(head) else None
    reference = head[5:]
    loose = _text(git / reference)
    if is_hash(loose):
        return loose
    for line in _text(git / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == reference and is_hash(commit):
            return commit
    return None


def baileys_version(directory: str) -> str | None:
    """The version of Baileys that a release's lock file pins; None if it names none."""
    try:
        lock = read_regular(Path(directory, "package-lock.json"), _LARGEST_LOCK)
        packages = json.loads(lock or b"")["packages"]
        return next((str(packages[name]["version"]) for name in _BAILEYS if name in packages), None)
    except (HostError, ValueError, KeyError, TypeError):
        return None


def _text(path: Path) -> str:
    try:
        return (read_regular(path, _LARGEST_REFERENCES) or b"").decode(errors="replace").strip()
    except HostError:
        return ""
