"""Where session files may still be on a host, and what of it waits for its removal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sessionstore.keys.names import CREDENTIALS, decode

from . import history
from .declared import CACHE_FILE, STATE, Declared
from .target import Target

# Where session files might turn up again, beside the places that the service uses.
ELSEWHERE = ("/tmp", "/var/tmp", "/root")


@dataclass(frozen=True)
class SetAside:
    """What one rollout set aside and is still there."""

    path: str
    removal: history.Removal


def set_aside(target: Target) -> list[SetAside]:
    """What stands set aside on the host, a line for each rollout."""
    place, days = target.declared.set_aside, target.declared.number("remove_after_days")
    # The place is made by the first switch: without it nothing is set aside.
    found = target.host.run("find %s -mindepth 2 -maxdepth 2 -printf '%%P\\0'", str(place))
    rollouts = sorted({line.partition("/")[0] for line in found.stdout.split("\0")[:-1]})
    lines, now = recorded(target), datetime.now(UTC)
    return [
        SetAside(str(place / name), history.removal(lines, name, days, now)) for name in rollouts
    ]


def recorded(target: Target) -> list[history.Line]:
    """The host's history; empty where nothing was rolled out yet."""
    if not target.host.file(str(history.FILE)).exists:
        return []
    return history.lines_of(
        target.content(str(history.FILE), as_root=True).decode(errors="replace")
    )


def old_places(declared: Declared) -> list[str]:
    """The legacy directories where they used to be."""
    return [str(declared.app_dir / one.path) for one in declared.legacy_directories]


def searched(declared: Declared) -> list[str]:
    """The directories that are searched for session files."""
    home = declared.text("service_home")
    return [str(declared.app_dir), home, str(STATE), str(declared.archives), *ELSEWHERE]


def session_files(target: Target) -> dict[str, dict[str, int]]:
    """Every directory on the host that holds session files: their names and allocated bytes."""
    sieved: dict[str, dict[str, int]] = target.probe(
        "session_files", *searched(target.declared), as_root=True
    )
    named = {
        folder: {name: size for name, size in files.items() if is_session_file(name)}
        for folder, files in sieved.items()
    }
    return {folder: files for folder, files in named.items() if files}


def is_session_file(name: str) -> bool:
    """Whether Baileys wrote a file of this name: credentials, a key, or a cache of either."""
    return name in (CREDENTIALS, CACHE_FILE) or decode(name) is not None
