"""The words of the host program's command line: commands, options, exit codes."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from hostswitch.base import errors
from hostswitch.base.places import SEARCH_PATH, Places
from hostswitch.switch import resume

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


class _Parser(argparse.ArgumentParser):
    """argparse ends a mistyped command with 2, which means "changes" here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(errors.USAGE, f"{self.prog}: {message}. See: {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The parser of every command but the session store's own; ``command`` is its name."""
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
    _plan_commands(commands)
    _plain_commands(commands)
    return made


def _plan_commands(commands: Any) -> None:
    for name, can_check, about in (
        ("preflight", False, "say what a switch would change; changes nothing"),
        ("switch", False, "switch to what was staged; ends an open switch first"),
        ("env", True, "stage the next .env beside the live one"),
        (
            "flags",
            False,
            "show each flag in the file, the process and the service; read-only",
        ),
        (
            "toggle",
            False,
            "stage flags, switch to them and show what the process has then",
        ),
        ("archive", True, "encrypt set-aside directories to the plan's recipients"),
        ("remove", True, "prove again and delete the set-aside directories that are due"),
        ("prune", True, "delete old releases, once this rollout has verified the host"),
        (
            "daily-check",
            False,
            "see that all is as the last rollout left it, or alarm; keep figures, prune archives",
        ),
        ("restore", True, "put a set-aside or archived directory back exactly"),
    ):
        parser = commands.add_parser(name, help=about, description=about)
        parser.add_argument("--plan", default="-", help="file with the plan; - is standard input")
        if can_check:
            parser.add_argument(
                "--check",
                action="store_true",
                help="only say what there is to do: exit code 2 if there is something",
            )
        if name == "restore":
            parser.add_argument("name", help="as in legacy_directories")
            parser.add_argument("--set-aside-by", help="the rollout, where several kept it")
            parser.add_argument(
                "--identity",
                help="age identity, where only the archive is left; - if it follows the plan's line",
            )


def _plain_commands(commands: Any) -> None:
    about = "finish or put back a switch that was cut off, as its journal says"
    resuming = commands.add_parser("resume", help=about, description=about)
    resuming.add_argument(
        "--boot",
        choices=[resume.BEFORE_PM2, resume.AFTER_PM2],
        help="from the boot units: before PM2 runs only files, rows and PM2's dump are touched",
    )
    about = "show what runs, an open switch, what is set aside and the last lines of the history"
    showing = commands.add_parser("status", help=about, description=about)
    showing.add_argument("--app-dir", default="/opt/ai-admin", help="the application directory")
    showing.add_argument("--lines", type=int, default=10, help="lines of history")
    showing.add_argument(
        "--remove-after-days", type=float, help="the setting, to tell when removal is due"
    )
    about = "take a verification's result (a JSON object on standard input) into the history"
    commands.add_parser("record", help=about, description=about)
    about = "take a proven toggle of flags (a JSON object on standard input) into the history"
    commands.add_parser("toggled", help=about, description=about)
    about = "answer several read-only questions at once (a JSON object on standard input)"
    commands.add_parser("survey", help=about, description=about)
    about = "the session store's own commands: see `baileys-hostswitch store --help`"
    commands.add_parser("store", help=about, add_help=False)
