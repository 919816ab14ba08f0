"""The daily check: a timer on the host, and the settings that it is run with."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase

from roles.hostprogram.command import PROGRAM
from roles.hostprogram.commit import declared_commit
from roles.hostprogram.plan import CONFIG_DIRECTORY, daily_plan
from roles.shared.files import FileDigests, as_declared, content_of, replacing

TEMPLATES = Path(__file__).parent / "templates"
UNITS = "/etc/systemd/system"
SERVICE, TIMER = "baileys-hostswitch-daily.service", "baileys-hostswitch-daily.timer"
ALARM = "baileys-hostswitch-daily-alarm.service"
SETTINGS = f"{CONFIG_DIRECTORY}/daily-check.json"
ALARM_SCRIPT = f"{CONFIG_DIRECTORY}/daily-check-alarm"
SERVICE_FILE, TIMER_FILE, ALARM_FILE = (f"{UNITS}/{name}" for name in (SERVICE, TIMER, ALARM))
ROOT = "root:root"
# The database's password is in the settings, and whatever it takes to raise an alarm in the script.
MODES = {
    SETTINGS: "600",
    ALARM_SCRIPT: "700",
    ALARM_FILE: "644",
    SERVICE_FILE: "644",
    TIMER_FILE: "644",
}
PATHS = tuple(MODES)
# No unit: the next start reads them.
_READ_AT_EACH_START = {SETTINGS, ALARM_SCRIPT}


class InstalledTimer(FactBase[dict[str, Any]]):
    """Some files, and whether a systemd timer is enabled and runs: one command for all."""

    def command(self, timer: str, paths: Sequence[str]) -> StringCommand:
        """``is-enabled`` and ``is-active`` print a word each, which may be missing."""
        states = StringCommand(
            "; systemctl is-enabled", QuoteString(timer), "2>/dev/null; systemctl is-active",
            QuoteString(timer), "2>/dev/null; true",
        )  # fmt: skip
        return StringCommand(FileDigests().command(paths), states)

    @staticmethod
    def default() -> dict[str, Any]:
        return {"files": {}, "runs": False}

    def process(self, output: list[str]) -> dict[str, Any]:
        """``files`` as ``FileDigests`` has them, and ``runs``: enabled and active."""
        told = [line for line in output if "|" in line]
        states = [line.strip() for line in output if "|" not in line]
        return {"files": FileDigests().process(told), "runs": states == ["enabled", "active"]}


@operation()
def daily_check_scheduled() -> Iterator[StringCommand]:
    """Have the daily check's timer run, with the settings of this rollout."""
    found = host.get_fact(InstalledTimer, timer=TIMER, paths=PATHS)
    commands = list(scheduling(found, wanted_files()))
    if not commands:
        host.noop("the daily check is scheduled")
    yield from commands


def scheduling(found: Mapping[str, Any], wanted: Mapping[str, str]) -> Iterator[StringCommand]:
    """What brings the files and the timer from what was found to what is wanted, path to content."""
    stale = [
        path
        for path, content in wanted.items()
        if not as_declared(found["files"].get(path), content, ROOT, MODES[path])
    ]
    for path in stale:
        yield replacing(path, wanted[path], ROOT, MODES[path])
    # Settings that can't be known yet stay; an alarm that is not wanted any more goes.
    gone = [path for path in (ALARM_SCRIPT, ALARM_FILE) if path in found["files"].keys() - wanted]
    if gone:
        yield StringCommand("rm -f --", *map(QuoteString, gone))
    if not found["runs"] or {*stale, *gone} - _READ_AT_EACH_START:
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
    if TIMER_FILE in found:
        yield StringCommand("systemctl disable --quiet --now", QuoteString(TIMER))
    yield StringCommand("rm -f --", *map(QuoteString, found), "&& systemctl daemon-reload")


def wanted_files() -> dict[str, str]:
    """Path to content; without the settings where the revision can't be resolved yet."""
    commit = declared_commit()["commit"]
    plan = daily_plan(host.data.dict(), host.name, commit) if commit else None
    settings = {} if plan is None else {SETTINGS: json.dumps(plan, sort_keys=True) + "\n"}
    return {**settings, **alarm_and_units(host.name, host.data.alarm_command)}


def alarm_and_units(host_name: str, alarm_command: Sequence[str]) -> dict[str, str]:
    """Path to content of all but the settings; without a command a check that was killed alarms nobody."""
    units = {
        SERVICE_FILE: content_of(
            TEMPLATES / f"{SERVICE}.j2",
            program=PROGRAM,
            settings=SETTINGS,
            alarm_unit=ALARM if alarm_command else None,
        ),
        TIMER_FILE: content_of(TEMPLATES / f"{TIMER}.j2"),
    }
    if not alarm_command:
        return units
    script = content_of(
        TEMPLATES / f"{Path(ALARM_SCRIPT).name}.j2",
        what=shlex.quote(f"the daily check of {host_name} did not come to its end"),
        unit=SERVICE,
        alarm_command=shlex.join(alarm_command),
    )
    unit = content_of(TEMPLATES / f"{ALARM}.j2", script=ALARM_SCRIPT)
    return {ALARM_SCRIPT: script, ALARM_FILE: unit, **units}
