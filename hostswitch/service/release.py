"""Which revision a directory holds, and which Baileys it locks. Reads files; runs no git."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from hostswitch.base.answer import understood
from hostswitch.base.errors import HostError
from hostswitch.base.files import Owner, read_regular
from hostswitch.plan import is_hash

_LARGEST_LOCK = 16 << 20
_LARGEST_REFERENCES = 16 << 20
# Of a symbolic HEAD no more is followed than a branch's name: it could name any path.
_REFERENCE = re.compile(r"ref: (refs/(?!\S*\.\.)[\w./-]+)")
_BAILEYS = ("node_modules/@whiskeysockets/baileys", "node_modules/baileys")


def revision_of(directory: str, owner: Owner) -> str | None:
    """The commit that `releases/<hash>` or a git work tree is at."""
    name = os.path.basename(directory)
    return name if is_hash(name) else _checked_out(Path(directory, ".git"), owner)


def _checked_out(git: Path, owner: Owner) -> str | None:
    head = _text(git / "HEAD", owner)
    symbolic = _REFERENCE.fullmatch(head)
    if symbolic is None:
        return head if is_hash(head) else None
    reference = symbolic[1]
    loose = _text(git / reference, owner)
    if is_hash(loose):
        return loose
    for line in _text(git / "packed-refs", owner).splitlines():
        commit, _, name = line.partition(" ")
        if name == reference and is_hash(commit):
            return commit
    return None


def baileys_version(directory: str, owner: Owner) -> str | None:
    """The version of Baileys that a release's lock file pins."""
    try:
        lock = read_regular(Path(directory, "package-lock.json"), _LARGEST_LOCK, owner)
        packages = understood(lock or b"")["packages"]
        return next((str(packages[name]["version"]) for name in _BAILEYS if name in packages), None)
    except (HostError, ValueError, KeyError, TypeError):
        return None


def present(directory: str | None, asked: Collection[str]) -> frozenset[str] | None:
    """Those of some files that a version has; None: it is not there."""
    if directory is None or not os.path.isdir(directory):
        return None
    return frozenset(one for one in asked if os.path.isfile(os.path.join(directory, one)))


def _text(path: Path, owner: Owner) -> str:
    try:
        return (
            (read_regular(path, _LARGEST_REFERENCES, owner) or b"").decode(errors="replace").strip()
        )
    except HostError:
        return ""
