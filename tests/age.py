"""age identities for tests, from the real program."""

from __future__ import annotations

import subprocess
from pathlib import Path


def new_identity(path: Path) -> str:
    """Make an identity there; gives its recipient."""
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return recipient_of(path)


def recipient_of(path: Path) -> str:
    """The recipient of an identity."""
    told = subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True)
    return told.stdout.strip()
