"""The git repository that ai-admin's lock file wants libsignal from: `npm ci` needs git access to it.

It is made of the package in the registry; the commit id follows from the content, and is in the lock.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from lab.profiles import service_repository
from lab.profiles.service_build import AsRoot
from lab.profiles.service_install import unpack
from lab.profiles.service_repository import Revision
from lab.tools import run

ADDRESS = "https://git.example.net/whiskeysockets/libsignal-node.git"
VERSION = "6.0.0"
_TAG = f"v{VERSION}"
_PLACE = "/srv/git/libsignal-node.git"


def build_repository(destination: Path) -> str:
    """Build it anew, bare; the id of its one commit."""
    date, message = "2025-10-01T00:00:00+00:00", f"libsignal {VERSION}"
    revision = Revision(tag=_TAG, overlay="", scripts="", date=date, message=message)
    return service_repository.build_repository(destination, [revision], _write)[_TAG]


def put_repository(host: AsRoot) -> None:
    """Put it on a host, where git finds it at its address."""
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / "libsignal.git"
        build_repository(local)
        unpack(host, local, _PLACE)
    name, value = _found_at(_PLACE)
    host.run(f"git config --system {name} {value} && git config --system safe.directory '*'")


def environment(repository: Path) -> dict[str, str]:
    """Variables with which git finds it at its address on this machine."""
    name, value = _found_at(str(repository))
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": name, "GIT_CONFIG_VALUE_0": value}


def _found_at(place: str) -> tuple[str, str]:
    return f"url.file://{place}.insteadOf", ADDRESS


def _write(_: Revision, tree: Path) -> None:
    tree.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        name = run(["npm", "pack", "--silent", f"libsignal@{VERSION}"], directory=Path(scratch))
        packed = Path(scratch) / name.strip()
        run(["tar", "-xzf", packed, "-C", tree, "--strip-components=1", "--no-same-owner"])
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
