"""The host program's command line: options, exit codes, and how a command ends."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from hostswitch.base import errors
from hostswitch.base.errors import HostError, RefusedError
from hostswitch.base.output import emit, progress, survive_controller, told
from hostswitch.base.places import SEARCH_PATH, Places
from hostswitch.base.structured import load
from hostswitch.commands import CHECK, COMMANDS, Answer, Command, text_of
from hostswitch.look import questions
from sessionstore.errors import StoreError
from sessionstore.interrupts import Interrupted, interruptible

_ABOUT = """\
Switches the WhatsApp service on this host from what runs to what was staged, or puts it back.

Normally `rollout` on the controller calls this. By hand, on the host, as root:
  baileys-hostswitch status              what runs, what is set aside, what happened last
  baileys-hostswitch resume              finish or put back a switch that was cut off
Results are JSON lines on standard output (the last one: {"event": "result", ...}), progress is on
standard error. A plan comes on standard input, because it holds the database password."""

_CODES = """\
exit codes: 0 done, or nothing to do; 1 error; 2 changes are needed (preflight); 3 refused, the
service is as it was; 4 put back, the old version runs again; 5 the service is left stopped or
unhealthy, the alarm was raised; 6 another run holds the lock; 7 daily-check: nothing is wrong but
that a company grew unlike its own past; 8 daily-check: something is wrong (with 7 and 8 the alarm
was raised); 64 a mistyped command or option; 130 Ctrl-C, 143 SIGTERM"""


def _survey(_given: argparse.Namespace, _places: Places) -> Answer:
    asked = load(questions.Survey, text_of(), "survey").questions
    # What the questions need is imported here, once for all of their processes.
    from sessionstore.commands import cli as _store
    from sessionstore.migrations import runner as _migrations

    del _store, _migrations
    for answered in questions.ask_all(asked, main):
        emit("answer", **answered)
    return errors.OK, {}


_SURVEY = "answer several read-only questions at once (a JSON object on standard input)"
_COMMANDS = {**COMMANDS, "survey": Command(_survey, _SURVEY)}


class _Parser(argparse.ArgumentParser):
    """argparse ends a mistyped command with 2, which means "changes" here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(errors.USAGE, f"{self.prog}: {message}. See: {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    made = _Parser(
        prog="baileys-hostswitch",
        description=_ABOUT,
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    places = Places()
    made.add_argument("--state", default=str(places.state), help="journal, lock and history")
    made.add_argument("--run", default=str(places.run), help="where a fault drill is named")
    made.add_argument(
        "--search-path", default=SEARCH_PATH, help="PATH on which pm2 and node are found"
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, command in _COMMANDS.items():
        one = commands.add_parser(name, help=command.about, description=command.about)
        if command.takes:
            one.add_argument("--plan", default="-", help="file with the plan; - is standard input")
        if command.takes == CHECK:
            about = "only say what there is to do: exit code 2 if there is something"
            one.add_argument("--check", action="store_true", help=about)
        for option, details in command.options.items():
            one.add_argument(option, **details)
    about = "the session store's own commands: see `baileys-hostswitch store --help`"
    commands.add_parser("store", help=about, add_help=False)
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run one command, the process's own unless one is given; its exit code (see `errors`)."""
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
            code, fields = _COMMANDS[parsed.command].run(parsed, places)
            if fields:
                emit("result", **fields)
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
        fields["details"] = [vars(refusal) for refusal in error.refusals]
    progress(text)
    emit("result", **fields)
    if isinstance(error, HostError):
        return error.exit_code
    return int(getattr(error, "code", errors.ERROR))
