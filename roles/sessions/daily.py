"""The daily check: a timer on the host, and the settings that it is run with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from roles.sessions.facts import InstalledTimer
from roles.shared.facts import declared_commit
from roles.shared.files import as_declared, content_of, replacing
from roles.shared.plan import CONFIG_DIRECTORY, daily_plan
from roles.shared.program import PROGRAM

TEMPLATES = Path(__file__).parent / "templates"
UNITS = "/etc/systemd/system"
SERVICE, TIMER = "baileys-hostswitch-daily.service", "baileys-hostswitch-daily.timer"
SETTINGS = f"{CONFIG_DIRECTORY}/daily-check.json"
PATHS = (SETTINGS, f"{UNITS}/{SERVICE}", f"{UNITS}/{TIMER}")
ROOT = "root:root"
# The database's password is in the settings.
MODES = {SETTINGS: "600", PATHS[1]: "644", PATHS[2]: "644"}


@operation()
def daily_check_scheduled() -> Iterator[StringCommand]:
    """Have the daily check's timer run, with the settings of this rollout."""
    found = host.get_fact(InstalledTimer, timer=TIMER, paths=PATHS)
    commands = list(scheduling(found, wanted_files()))
    if not commands:
        host.noop("the daily check is scheduled")
    yield from commands


def scheduling(found: Mapping[str, Any], wanted: Mapping[str, str]) -> Iterator[StringCommand]:
    """What brings the files and the timer from what was found to what is wanted.

    Args:
        found: as ``InstalledTimer`` tells.
        wanted: path to content, of those of PATHS that are known.
    """
    stale = [
        path
        for path, content in wanted.items()
        if not as_declared(found["files"].get(path), content, ROOT, MODES[path])
    ]
    for path in stale:
        yield replacing(path, wanted[path], ROOT, MODES[path])
    if not found["runs"] or set(stale) - {SETTINGS}:
        timer = QuoteString(TIMER)
        yield StringCommand("systemctl daemon-reload && systemctl enable --quiet", timer)
        yield StringCommand("systemctl restart", timer)


@operation()
def no_daily_check() -> Iterator[StringCommand]:
    """Have neither the timer nor its settings, which hold a password."""
    found = host.get_fact(InstalledTimer, timer=TIMER, paths=PATHS)["files"]
    if not found:
        host.noop("no daily check is scheduled")
        return
    if PATHS[2] in found:
        yield StringCommand("systemctl disable --quiet --now", QuoteString(TIMER))
    yield StringCommand("rm -f --", *map(QuoteString, found), "&& systemctl daemon-reload")


def wanted_files() -> dict[str, str]:
    """Path to content; without the settings where the revision can't be resolved yet."""
    commit = declared_commit()["commit"]
    plan = daily_plan(host.data.dict(), host.name, commit) if commit else None
    service = content_of(TEMPLATES / f"{SERVICE}.j2", program=PROGRAM, settings=SETTINGS)
    settings = {} if plan is None else {SETTINGS: json.dumps(plan, sort_keys=True) + "\n"}
    return {**settings, PATHS[1]: service, PATHS[2]: content_of(TEMPLATES / f"{TIMER}.j2")}
