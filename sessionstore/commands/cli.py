"""Commands: ``python -m sessionstore``, and ``baileys-hostswitch store`` on a host."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from sessionstore.commands import (
    account,
    archive,
    backup,
    by_hand,
    explain,
    migrate,
    misfiled,
    scan,
    stats,
)
from sessionstore.commands.output import ERROR, Parser, UsageError, emit, tell
from sessionstore.errors import Refused, StoreError, printable
from sessionstore.interrupts import Interrupted, interruptible

#: How an operator calls it where nothing else does.
CALLED = "python -m sessionstore"
_GROUPS = (scan, account, explain, misfiled, archive, backup, migrate, stats)
#: So many reasons are shown to people; the JSON line has all.
_SHOWN = 50


def main(argv: Sequence[str], called: str = CALLED) -> int:
    try:
        with interruptible():
            arguments = _parser(called).parse_args(argv)
            code: int = arguments.run(arguments)
            return code
    except StoreError as error:
        return _explained(error)
    except Interrupted as error:
        again = "Run it again: it looks where this run stopped, and goes on from there"
        return _failed(f"{error}. {again}.", type(error).__name__, error.code)
    except ImportError as error:
        # psycopg is imported late, by whatever needs the database; it finds no libpq.
        if not (error.name or "").startswith("psycopg") and "libpq" not in str(error):
            raise
        message = "libpq is missing here, so the database can't be asked. apt-get install libpq5"
        return _failed(message, type(error).__name__)
    except BrokenPipeError:
        return ERROR
    except (UsageError, OSError) as error:
        message = str(error)
        if isinstance(error, OSError):
            place = f" ({printable(str(error.filename))})" if error.filename is not None else ""
            message = f"{error.strerror or error}{place}"
        return _failed(message, type(error).__name__)


def _explained(error: StoreError) -> int:
    reasons = list(error.reasons) if isinstance(error, Refused) else [error.what]
    more = {"what": error.what, "where": error.where, "remedy": error.remedy, "reasons": reasons}
    code = _failed(str(error), type(error).__name__, error.code, **more)
    if len(reasons) > 1:
        tell("\n".join(f"  {printable(reason)}" for reason in reasons[:_SHOWN]))
        tell(f"  … and {len(reasons) - _SHOWN:,} more" if len(reasons) > _SHOWN else "")
    return code


def _failed(message: str, kind: str, code: int = ERROR, **more: object) -> int:
    try:
        emit("error", error=message, kind=kind, **more)
    except OSError:
        # Nobody reads it, or its disk is full: Python would try again when it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    tell(f"error: {message}")
    return code


def _parser(called: str = CALLED) -> argparse.ArgumentParser:
    parser = Parser(
        prog=called,
        description="Session data of a Baileys service: scan, import, prove, archive, remove.",
        epilog="results are JSON lines on standard output, words for people are on standard error;"
        " passwords are taken from standard input only: COMMAND --help shows what to give.\n\n"
        "exit codes: 0 done, 1 error, 2 changes needed or not proven, 3 refused, 6 locked,"
        " 7 unusual growth, 130 Ctrl-C, 143 SIGTERM",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for group in _GROUPS:
        group.add(commands)
    if called == CALLED:  # A host's program moves and removes inside its switch.
        by_hand.add(commands)
    return parser
