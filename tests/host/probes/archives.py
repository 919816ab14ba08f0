"""Runs on the host: every archive below a directory, hashed now."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

ARCHIVE, MANIFEST = ".tar.zst.age", ".manifest.jsonl"


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def recipients(path: Path) -> int | None:
    """To how many recipients a file is encrypted by age; None if it is not."""
    with path.open("rb") as file:
        lines = file.read(1 << 16).split(b"\n--- ")[0].splitlines()
    if not lines or lines[0] != b"age-encryption.org/v1":
        return None
    return sum(1 for line in lines if line.startswith(b"-> "))


def manifest_of(path: Path) -> dict[str, Any] | None:
    """The totals in the last line of a manifest; None if it is missing or was cut off."""
    try:
        lines = path.read_text().splitlines()
        last: dict[str, Any] = json.loads(lines[-1])
    except (OSError, ValueError, IndexError):
        return None
    return last if "archive_sha256" in last else None


def shown(archive: Path) -> dict[str, Any]:
    """One archive with its manifest."""
    manifest = archive.with_name(archive.name.removesuffix(ARCHIVE) + MANIFEST)
    files = [path for path in (archive, manifest) if path.exists()]
    return {
        "archive": str(archive),
        "manifest": str(manifest),
        "rollout_id": archive.parent.name,
        "name": archive.name.removesuffix(ARCHIVE),
        "bytes": archive.stat().st_size,
        "sha256": sha256(archive),
        "recipients": recipients(archive),
        "modes": {str(path): stat.S_IMODE(path.stat().st_mode) for path in files},
        "owners": {str(path): path.stat().st_uid for path in files},
        "manifest_says": manifest_of(manifest),
    }


def found(directory: str) -> list[dict[str, Any]]:
    return [shown(path) for path in sorted(Path(directory).rglob(f"*{ARCHIVE}"))]
