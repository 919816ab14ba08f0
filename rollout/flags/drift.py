"""Where a flag differs: declared, in the file, in the process, as the service reports. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rollout.secret import MASK, Secret
from rollout.settings.catalogue import displayed

PENDING = "pending restart"
SHADOW = "PM2 exported it: it shadows the .env"


@dataclass(frozen=True)
class FlagRow:
    """One flag on one host, as it is shown; values are masked where they are secret."""

    name: str
    declared: str | None  # what the environment says; None where it says nothing
    file: str | None  # in the live ``.env``
    # what the running process has; None where it has none, or it can't be known
    process: str | None
    service: str | None  # what the service itself reports; None where it reports none
    drift: str  # what differs, in words; empty where nothing does


@dataclass(frozen=True)
class HostFlags:
    host: str
    rows: tuple[FlagRow, ...] = ()
    # what is wrong with the host as a whole (service stopped, file unreadable)
    problems: tuple[str, ...] = ()
    # flags that differ here from the environment's on purpose
    canary: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""  # why the host could not be asked; empty if it could

    @property
    def differs(self) -> bool:
        return bool(self.problems) or any(row.drift for row in self.rows)


def judged(
    host: str, declared: Mapping[str, Any], seen: Mapping[str, Any], canary: Mapping[str, Any]
) -> HostFlags:
    """What a host's answer means; ``canary``: NAME → value that only this host has."""
    problems = [seen["problem"]] if seen["problem"] else []
    if not seen["running"]:
        problems.append("the service does not run")
    elif not seen["answers"]:
        problems.append("the service does not report its flags on its status endpoint")
    rows = (
        judged_flag(name, declared.get(name), found, seen["running"])
        for name, found in seen["flags"].items()
    )
    shown = {name: displayed(value) for name, value in canary.items()}
    return HostFlags(host, tuple(filter(None, rows)), tuple(problems), shown)


def judged_flag(
    name: str, declared: Any, found: Mapping[str, Any], running: bool
) -> FlagRow | None:
    wanted = None if declared is None else MASK if isinstance(declared, Secret) else str(declared)
    if wanted is None and found["file"] is None and found["process"] is None:
        return None
    places = {place: found[place] for place in ("file", "process", "service")}
    return FlagRow(name, wanted, **places, drift=_drift(wanted, found, running))


def _drift(wanted: str | None, found: Mapping[str, Any], running: bool) -> str:
    file, process, service = found["file"], found["process"], found["service"]
    said = []
    if found["repeated"]:
        said.append("stands more than once in the .env")
    if file != wanted:
        said.append("not declared" if wanted is None else "not in the .env yet")
    if not running:
        return "; ".join(said)
    if found["source"] == "exported" and process != file:
        said.append(SHADOW)
    elif found["source"] == "unknown":
        known = found["told"] and service == file
        said += [] if known else [PENDING]
    elif process != file:
        said.append(PENDING)
    elif found["told"] and service != process:
        said.append("the service sees another value")
    return "; ".join(said)
