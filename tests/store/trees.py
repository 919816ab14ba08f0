"""Hostile trees, and how they are archived."""

from __future__ import annotations

import os
from pathlib import Path

from sessionstore.archive import create
from sessionstore.archive.manifest import Manifest
from sessionstore.archive.sealed import verify_on_disk
from sessionstore.disk.opening import closing, open_directory

NAMES = [
    "new\nline.json",
    "..hidden",
    "...",
    ". .",
    "-rf",
    "--recipient",
    "*",
    "~",
    "$(touch canary)",
    "`id`; rm -rf ..",
    "back\\slash",
    "quote\"'",
    "\x1b[2J\x07bell",
    "creds.json\r",
    " leading and trailing ",
    "\u202egnp.exe",
    "é" * 127,
    "x" * 255,
    os.fsdecode(b"\xff\xfe not utf-8"),
]


def archived(root: Path, out: Path, recipient: str) -> Manifest:
    """Archive a tree; gives its manifest as read back."""
    with closing(open_directory(str(root))) as fd:
        made = create.create(fd, str(out), root.name, [recipient])
    return verify_on_disk(made.archive, made.manifest)


def contents(root: Path) -> dict[str, str]:
    """Every file below a directory."""
    return {str(one.relative_to(root)): one.read_text() for one in root.rglob("*") if one.is_file()}


def sessions(parent: Path) -> Path:
    """A small tree with the canary's names."""
    (parent / "sessions" / "company_1").mkdir(parents=True)
    for name in ("creds.json", "company_1/creds.json", "company_1/-rf"):
        (parent / "sessions" / name).write_text("x")
    return parent / "sessions"
