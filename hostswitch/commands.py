"""The commands of the host program: one table."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostswitch.base import structured
from hostswitch.base.errors import CHANGES, OK
from hostswitch.base.lock import held
from hostswitch.base.places import Places
from hostswitch.envfile.staging import WOULD_STAGE, EnvPlan, stage
from hostswitch.host import Host
from hostswitch.look import preflight, status
from hostswitch.plan import Plan, load
from hostswitch.record import history
from hostswitch.record.history import History
from hostswitch.service import flags
from hostswitch.service.flags import FlagPlan
from hostswitch.switch import resume, run
from hostswitch.upkeep import archive, daily, prune, remove, restore

Answer = tuple[int, dict[str, Any]]
"""The exit code and the fields of the result; without any there is no result."""

PLAN, CHECK = "plan", "check"
_Options = Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class Command:
    run: Callable[[Namespace, Places], Answer]
    about: str
    takes: str = ""
    """A PLAN; CHECK: also the option that only says what there is to do."""
    options: _Options = field(default_factory=dict)


@dataclass(frozen=True)
class Toggle:
    """One toggle of flags, in one start: the .env staged, switched to, and looked at."""

    env: EnvPlan
    switch: Plan
    flags: FlagPlan


def _changing(
    places: Places, what: str, who: str = "", wait: float = 0
) -> AbstractContextManager[None]:
    """What changes something holds the host's lock; another run is told who does what, and waited for."""
    places.prepare()
    who = who or os.environ.get("SUDO_USER", "root")
    return held(places.lock, who, what, wait_seconds=wait)


def _rolling_out(host: Host, what: str) -> AbstractContextManager[None]:
    return _changing(host.places, f"{what} {host.plan.rollout_id}", host.plan.operator)


def text_of(plan: str = "-") -> str:
    """From standard input, or a file."""
    if plan != "-":
        return Path(plan).read_text(errors="replace")  # a ruined one is no JSON, and told as that
    return sys.stdin.read() if sys.stdin else ""  # a closed one is None


def _host(given: Namespace, places: Places) -> Host:
    return Host(load(text_of(given.plan)), places)


def _preflight(given: Namespace, places: Places) -> Answer:
    return preflight.run(_host(given, places))


def _switch(given: Namespace, places: Places) -> Answer:
    host = _host(given, places)
    with _rolling_out(host, "switch"):
        resumed = resume.first(places)
        return OK, {**run.run(host), "resumed": resumed}


def _toggle(given: Namespace, places: Places) -> Answer:
    plan = structured.load(Toggle, text_of(given.plan), "plan")
    host = Host(plan.switch, places)
    with _rolling_out(host, "toggle"):
        resumed = resume.first(places)
        staged = stage(plan.env, check_only=False)
        done = {**run.run(host), "staged": staged.changes}
        return OK, {**done, "seen": flags.show(plan.flags, places), "resumed": resumed}


def _env(given: Namespace, places: Places) -> Answer:
    plan = structured.load(EnvPlan, text_of(given.plan), "env plan")
    # A switch that runs by itself, its controller gone, has judged the staged file that is there.
    with nullcontext() if given.check else _changing(places, "env"):
        staged = stage(plan, given.check)
    return CHANGES if staged.outcome == WOULD_STAGE else OK, vars(staged)


def _flags(given: Namespace, places: Places) -> Answer:
    plan = structured.load(FlagPlan, text_of(given.plan), "flags plan")
    return OK, {"outcome": "seen", **flags.show(plan, places)}


def _checked_or_done(
    what: str, check: Callable[[Host], dict[str, Any]], act: Callable[[Host], dict[str, Any]]
) -> Callable[[Namespace, Places], Answer]:
    def command(given: Namespace, places: Places) -> Answer:
        host = _host(given, places)
        if given.check:
            answer = check(host)
            outcome = "changes" if answer["changes"] else "nothing to do"
            return CHANGES if answer["changes"] else OK, {"outcome": outcome, **answer}
        with _rolling_out(host, what):
            return OK, act(host)

    return command


def _daily_check(given: Namespace, places: Places) -> Answer:
    with _changing(places, "daily check", wait=daily.LOCK_WAIT_SECONDS):
        # Read now: a rollout that was waited for has left another plan.
        host = _host(given, places)
        try:
            return OK, daily.run(host)
        except OSError as error:
            message = f"the daily check of {host.plan.host} could not be made: {error}"
            host.alarm(message)
            raise daily.DailyCheckError(message) from None


def _restore(given: Namespace, places: Places) -> Answer:
    text, identity = text_of(given.plan), given.identity
    with ExitStack() as stack:
        if identity == "-":
            text, _, secret = text.partition("\n")
            identity = stack.enter_context(restore.kept_in_memory(secret))
        host = Host(load(text), places)
        stack.enter_context(_rolling_out(host, f"restore {given.name}"))
        answer = restore.run(
            host, given.name, set_aside_by=given.set_aside_by, identity=identity, check=given.check
        )
    return CHANGES if given.check else OK, answer


def _resume(given: Namespace, places: Places) -> Answer:
    with _changing(places, "resume", "boot" if given.boot else ""):
        return OK, resume.run(places, given.boot)


def _status(given: Namespace, places: Places) -> Answer:
    shown = status.show(
        places, given.app_dir, given.lines, given.remove_after_days, given.companies_in
    )
    return OK, {"outcome": "shown", **shown}


def _recorded(event: str, read: Callable[[str], dict[str, Any]]) -> Callable[..., Answer]:
    def command(_given: Namespace, places: Places) -> Answer:
        fields = read(text_of())
        with _changing(places, f"record {event}"):
            line = History(places.history).add(event, **fields)
        return OK, {"outcome": "recorded", "recorded": line}

    return command


_STATUS: _Options = {
    "--app-dir": {"default": "/opt/ai-admin", "help": "the application directory"},
    "--lines": {"type": int, "default": 10, "help": "lines of history"},
    "--remove-after-days": {"type": float, "help": "the setting, to tell when removal is due"},
    "--companies-in": {"default": "COMPANIES", "help": "the variable that names the companies"},
}
_RESTORE: _Options = {
    "name": {"help": "as in legacy_directories"},
    "--set-aside-by": {"help": "the rollout, where several kept it"},
    "--identity": {
        "help": "age identity, where only the archive is left; - follows the plan's line"
    },
}
_RESUME: _Options = {
    "--boot": {
        "choices": [resume.BEFORE_PM2, resume.AFTER_PM2],
        "help": "from the boot units: before PM2 runs only files, rows and PM2's dump are touched",
    }
}
_ARCHIVE = _checked_or_done("archive", archive.to_archive, archive.archive_all)
_REMOVE = _checked_or_done("remove", remove.to_remove, remove.remove_due)
_PRUNE = _checked_or_done("prune", prune.to_prune, prune.prune)

# fmt: off
COMMANDS = {
    "preflight": Command(
        _preflight, "say what a switch would change; changes nothing", PLAN),
    "switch": Command(
        _switch, "switch to what was staged; ends an open switch first", PLAN),
    "env": Command(
        _env, "stage the next .env beside the live one", CHECK),
    "flags": Command(
        _flags, "show each flag in the file, the process and the service; read-only", PLAN),
    "toggle": Command(
        _toggle, "stage flags, switch to them and show what the process has then", PLAN),
    "archive": Command(
        _ARCHIVE, "encrypt set-aside directories to the plan's recipients", CHECK),
    "remove": Command(
        _REMOVE, "prove again and delete the set-aside directories that are due", CHECK),
    "prune": Command(
        _PRUNE, "delete old releases, once this rollout has verified the host", CHECK),
    "daily-check": Command(
        _daily_check,
        "see that all is as the last rollout left it, or alarm; keep figures, prune archives", PLAN),
    "restore": Command(
        _restore, "put a set-aside or archived directory back exactly", CHECK, _RESTORE),
    "resume": Command(
        _resume, "finish or put back a switch that was cut off, as its journal says", "", _RESUME),
    "status": Command(
        _status, "show what runs, an open switch, what is set aside and the last lines of the history",
        "", _STATUS),
    "record": Command(
        _recorded("verified", history.verification),
        "take a verification's result (a JSON object on standard input) into the history"),
    "toggled": Command(
        _recorded("flags", history.toggle),
        "take a proven toggle of flags (a JSON object on standard input) into the history"),
}
# fmt: on
