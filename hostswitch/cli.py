"""The commands of the host program."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hostswitch.base import errors
from hostswitch.base.errors import HostError, RefusedError
from hostswitch.base.lock import held
from hostswitch.base.output import emit, progress, survive_controller, told
from hostswitch.base.places import Places
from hostswitch.envfile.staging import read_plan, stage_env
from hostswitch.host import Host
from hostswitch.look import preflight, questions, status
from hostswitch.parser import parser
from hostswitch.plan import load
from hostswitch.record.history import History
from hostswitch.record.tokens import toggle, token
from hostswitch.service import flags
from hostswitch.service.alarm import alarm
from hostswitch.switch import resume, run
from hostswitch.switch import toggle as toggling
from hostswitch.upkeep import daily, prune, remove, restore
from hostswitch.upkeep.archive import archive_all, to_archive
from sessionstore.errors import StoreError
from sessionstore.interrupts import Interrupted, interruptible

_Command = Callable[[argparse.Namespace, Places], int]


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; None takes the process's own.

    Returns:
        The exit code (see `errors`).
    """
    survive_controller()
    os.umask(0o077)
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["store"]:
        from sessionstore.commands import cli

        return cli.main(given[1:], "baileys-hostswitch store")
    words = parser()
    parsed = words.parse_args(given)
    if parsed.command == "store":
        words.error("`store` takes its own options only: it must be the first word")
    places = Places(Path(parsed.state), Path(parsed.run), parsed.search_path)
    # shutil and subprocess look programs up here; the account's environment gets it as well.
    os.environ["PATH"] = places.search_path
    try:
        with interruptible():
            code: int = _COMMANDS[parsed.command](parsed, places)
            return code
    except Interrupted as error:
        return _interrupted(error, places)
    except (HostError, StoreError, OSError) as error:
        return _failed(error)


def _interrupted(error: Interrupted, places: Places) -> int:
    """Nothing is undone now: whoever ends a program may give it no time. The journal knows."""
    begun = "A switch was begun and is not ended; the service may be stopped. "
    left = f"{begun}End it: baileys-hostswitch resume"
    again = "Run it again: it looks where this run stopped, and goes on from there"
    text = f"{error}. {left if places.journal.exists() else again}"
    progress(text)
    emit("result", outcome="interrupted", error=text)
    return error.code


def _failed(error: Exception) -> int:
    text = f"{error}. Run it as root: sudo" if isinstance(error, PermissionError) else str(error)
    text = told(text)
    fields: dict[str, Any] = {"outcome": getattr(error, "outcome", "error"), "error": text}
    if isinstance(error, RefusedError):
        fields["refusals"] = [str(refusal) for refusal in error.refusals]
        fields["details"] = [refusal.as_json() for refusal in error.refusals]
    progress(text)
    emit("result", **fields)
    if isinstance(error, HostError):
        return error.exit_code
    return int(getattr(error, "code", errors.ERROR))


def _preflight(parsed: argparse.Namespace, places: Places) -> int:
    code, result = preflight.run(Host(load(_text(parsed.plan)), places))
    emit("result", **result)
    return code


def _switch(parsed: argparse.Namespace, places: Places) -> int:
    text = _text(parsed.plan)
    host = Host(load(text), places)
    places.prepare()
    with held(places.lock, host.plan.operator, f"switch {host.plan.rollout_id}"):
        resumed = resume.first(places)
        emit("result", **run.run(host, text), resumed=resumed)
    return errors.OK


def _resume(parsed: argparse.Namespace, places: Places) -> int:
    places.prepare()
    with held(places.lock, "boot" if parsed.boot else _login(), "resume"):
        emit("result", **resume.run(places, parsed.boot))
    return errors.OK


def _archive(parsed: argparse.Namespace, places: Places) -> int:
    return _checked_or_done(parsed, places, "archive", to_archive, archive_all)


def _remove(parsed: argparse.Namespace, places: Places) -> int:
    return _checked_or_done(parsed, places, "remove", remove.to_remove, remove.remove_due)


def _daily_check(parsed: argparse.Namespace, places: Places) -> int:
    places.prepare()
    with held(places.lock, _login(), "daily check", wait_seconds=daily.LOCK_WAIT_SECONDS):
        # Read now: a rollout that was waited for has left another plan.
        host = Host(load(_text(parsed.plan)), places)
        try:
            emit("result", **daily.run(host))
        except OSError as error:
            message = f"the daily check of {host.plan.host} could not be made: {error}"
            alarm(host, message)
            raise daily.DailyCheckError(message) from None
    return errors.OK


def _prune(parsed: argparse.Namespace, places: Places) -> int:
    return _checked_or_done(parsed, places, "prune", prune.to_prune, prune.prune)


def _checked_or_done(
    parsed: argparse.Namespace,
    places: Places,
    what: str,
    check: Callable[[Host], dict[str, Any]],
    act: Callable[[Host], dict[str, Any]],
) -> int:
    host = Host(load(_text(parsed.plan)), places)
    if parsed.check:
        answer = check(host)
        emit("result", **answer)
        return errors.CHANGES if answer["changes"] else errors.OK
    places.prepare()
    with held(places.lock, host.plan.operator, f"{what} {host.plan.rollout_id}"):
        emit("result", **act(host))
    return errors.OK


def _restore(parsed: argparse.Namespace, places: Places) -> int:
    text, identity = _text(parsed.plan), parsed.identity
    with ExitStack() as kept:
        if identity == "-":
            text, _, secret = text.partition("\n")
            identity = kept.enter_context(restore.kept_in_memory(secret))
        host = Host(load(text), places)
        places.prepare()
        with held(places.lock, host.plan.operator, f"restore {parsed.name}"):
            answer = restore.run(
                host,
                parsed.name,
                set_aside_by=parsed.set_aside_by,
                identity=identity,
                check=parsed.check,
            )
    emit("result", **answer)
    return errors.CHANGES if parsed.check else errors.OK


def _env(parsed: argparse.Namespace, places: Places) -> int:
    plan = read_plan(_text(parsed.plan))
    if parsed.check:
        return stage_env(plan, check_only=True)
    places.prepare()
    # A switch that runs by itself, its controller gone, has judged the staged file that is there.
    with held(places.lock, _login(), "env"):
        return stage_env(plan, check_only=False)


def _flags(parsed: argparse.Namespace, places: Places) -> int:
    emit("result", outcome="seen", **flags.show(flags.read_plan(_text(parsed.plan)), places))
    return errors.OK


def _toggle(parsed: argparse.Namespace, places: Places) -> int:
    plan = toggling.read_plan(_text(parsed.plan), places)
    places.prepare()
    with held(places.lock, plan.host.plan.operator, f"toggle {plan.host.plan.rollout_id}"):
        resumed = resume.first(places)
        emit("result", **toggling.run(plan), resumed=resumed)
    return errors.OK


def _toggled(_parsed: argparse.Namespace, places: Places) -> int:
    fields = toggle(_text("-"))
    places.prepare()
    with held(places.lock, _login(), "toggled"):
        line = History(places.history).add("flags", **fields)
    emit("result", outcome="recorded", recorded=line)
    return errors.OK


def _record(_parsed: argparse.Namespace, places: Places) -> int:
    fields = token(_text("-"))
    places.prepare()
    with held(places.lock, _login(), "record"):
        line = History(places.history).add("verified", **fields)
    emit("result", outcome="recorded", recorded=line)
    return errors.OK


def _survey(_parsed: argparse.Namespace, _places: Places) -> int:
    asked = questions.questions(_text("-"))
    # What the questions need is imported here, once for all of their processes.
    from sessionstore.commands import cli as _store
    from sessionstore.migrations import runner as _migrations

    del _store, _migrations
    for answered in questions.ask_all(asked, main):
        emit("answer", **answered)
    return errors.OK


def _status(parsed: argparse.Namespace, places: Places) -> int:
    shown = status.show(places, parsed.app_dir, parsed.lines, parsed.remove_after_days)
    emit("result", outcome="shown", **shown)
    return errors.OK


def _text(plan: str) -> str:
    if plan != "-":
        return Path(plan).read_text(errors="replace")  # a ruined one is no JSON, and told as that
    return sys.stdin.read() if sys.stdin else ""  # a closed one is None


def _login() -> str:
    return os.environ.get("SUDO_USER", "root")


_COMMANDS: dict[str, _Command] = {
    "preflight": _preflight,
    "switch": _switch,
    "env": _env,
    "flags": _flags,
    "toggle": _toggle,
    "archive": _archive,
    "remove": _remove,
    "prune": _prune,
    "daily-check": _daily_check,
    "restore": _restore,
    "resume": _resume,
    "status": _status,
    "record": _record,
    "toggled": _toggled,
    "survey": _survey,
}
