"""Where session files may still be on a host, and what of it waits for its removal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hostswitch.record.history import Line
from sessionstore.keys.names import CREDENTIALS, decode

from .declared import STATE
from .target import Target

# Where session files might turn up again, beside the places that the service uses.
ELSEWHERE = ("/tmp", "/var/tmp", "/root")
# A cache that can hold credentials too (docs/facts.md section 2).
CACHE_FILE = ".baileys-cache.json"


@dataclass(frozen=True)
class Removal:
    """Whether what a rollout set aside should be gone by now."""

    due: bool
    why: str


def removal(lines: Sequence[Line], rollout_id: str, days: int, now: datetime) -> Removal:
    """Judge by the host's history when what a rollout set aside is due for removal.

    It is due a number of days after a healthy switch, and only if the latest switch was verified
    since (docs/session-data.md): so it waits while this very verification is still to be made.
    """
    switches = [line for line in lines if line["event"] == "switch"]
    own = [line for line in switches if line.get("rollout_id") == rollout_id]
    if not own:
        return Removal(False, f"the host has no record of the rollout {rollout_id}")
    since = switches[switches.index(own[0]) :]
    healthy = [line for line in since if line.get("outcome") == "switched"]
    if not healthy or switches[-1].get("outcome") != "switched":
        return Removal(False, "it waits for a healthy switch")
    due = datetime.fromisoformat(str(healthy[0]["at"])).astimezone(UTC) + timedelta(days=days)
    if now < due:
        return Removal(False, f"removal due {due:%Y-%m-%d}")
    tokens = [line for line in lines[lines.index(switches[-1]) :] if line["event"] == "verified"]
    if not tokens or tokens[-1].get("verified") is not True:
        return Removal(False, "it waits for a verification without failures")
    return Removal(True, f"due since {due:%Y-%m-%d %H:%M} UTC")


def set_aside(target: Target) -> dict[str, Removal]:
    """What stands set aside on the host, a directory for each rollout."""
    place, days = target.declared.set_aside, target.declared.number("remove_after_days")
    # The place is made by the first switch: without it nothing is set aside.
    found = target.host.run("find %s -mindepth 2 -maxdepth 2 -printf '%%P\\0'", str(place))
    rollouts = sorted({line.partition("/")[0] for line in found.stdout.split("\0")[:-1]})
    now = datetime.now(UTC)
    return {str(place / name): removal(target.history, name, days, now) for name in rollouts}


def waiting(target: Target) -> dict[str, Removal]:
    """What of it is not due yet."""
    return {path: one for path, one in set_aside(target).items() if not one.due}


def session_files(target: Target) -> dict[str, dict[str, int]]:
    """Every directory on the host that holds session files: their names and allocated bytes."""
    declared = target.declared
    searched = (declared.app_dir, declared.text("service_home"), STATE, declared.archives)
    sieved: dict[str, dict[str, int]] = target.probe(
        "disk.session_files", *map(str, searched), *ELSEWHERE, as_root=True
    )
    named = {
        folder: {name: size for name, size in files.items() if is_session_file(name)}
        for folder, files in sieved.items()
    }
    return {folder: files for folder, files in named.items() if files}


def is_session_file(name: str) -> bool:
    """Whether Baileys wrote a file of this name: credentials, a key, or a cache of either."""
    return name in (CREDENTIALS, CACHE_FILE) or decode(name) is not None
