"""``rollout``: the operator's command."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from io import TextIOWrapper
from typing import Any

import typer

from rollout.apply.look import plan_hosts
from rollout.apply.plan import HostPlan
from rollout.apply.procedure import apply_environment
from rollout.apply.report import report_of, save_report
from rollout.cli import answers, flags, sessions
from rollout.cli.answers import tell
from rollout.cli.options import (
    AsJson,
    Batch,
    Commands,
    EnvironmentName,
    JunitFile,
    Only,
    OnlyHost,
    Reason,
)
from rollout.cli.render import render_plan, render_report, render_status, render_verification
from rollout.console import WIDTH, harmless, progress, stdout_console
from rollout.environment.environment import AT_ONCE, Environment, Host, environment_names, load
from rollout.errors import OperatorError, this_machine
from rollout.hosts.program import status_of
from rollout.interrupts import CTRL_C, ended_like_ctrl_c, held_off
from rollout.run import Run
from rollout.verify.junit import write_junit
from rollout.verify.verify import verify

# `\b` keeps the lines below it as they are.
app = Commands(
    help=(
        "Roll a Baileys WhatsApp service out to its servers, and prove it.\n\n"
        "A rollout provisions the server, migrates the schema, stages release and flags, switches "
        "the service in one undoable step, verifies the host as it really is, and removes the "
        "session files that were proven safe elsewhere.\n\n"
        "\b\n"
        "The usual way, in this order:\n"
        "  rollout plan production               what would change; changes nothing\n"
        "  rollout apply production --reason …   do it, host after host\n"
        "  rollout verify production             is everything as declared?\n"
        "  rollout status production             what runs, what is set aside\n\n"
        "\b\n"
        "Exit codes of every command:\n"
        "  0    done, or nothing to do\n"
        "  1    an error, a refusal or a failed check; the text says what mends it\n"
        "  2    plan only: there are changes\n"
        "  64   a mistyped command or option\n"
        "  130  interrupted (Ctrl-C); a switch on a host goes on by itself\n"
        "  143  the same, by SIGTERM; 129 as the terminal was closed\n\n"
        "\b\n"
        "Environments are inventory/NAME.yml with group_vars/NAME/. All mistakes in\n"
        "them come as one list with file and line before any host is contacted.\n"
        "Tab completion of environments and hosts: rollout --install-completion"
    ),
    no_args_is_help=True,
    context_settings={"max_content_width": WIDTH},
)

NOTHING_TO_DO, ERROR, CHANGES, EX_USAGE = 0, 1, 2, 64
filled = partial(textwrap.fill, width=WIDTH, break_long_words=False, break_on_hyphens=False)
# typer carries its own click; the base of all its usage errors has no public name of its own.
UsageError: type[Any] = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "UsageError"
)

app.add_typer(flags.app, name="flags")
app.add_typer(sessions.app, name="sessions")


@app.command(short_help="Show what a rollout would change; changes nothing.")
def plan(environment: EnvironmentName, host: OnlyHost = "", as_json: AsJson = False) -> None:
    """Show what a rollout would change. Changes nothing.

    Each host is asked read-only: what would be staged, whether the switch would refuse and why, what
    can't be known yet.

    \b
    Examples:
      rollout plan production
      rollout plan production --host wa-1
      rollout plan production --json | jq '.hosts[].refusals'

    \b
    Exit codes:
      0  nothing to do
      2  there are changes
      1  an error, or a host would refuse
    """
    loaded, hosts = chosen(environment, host)
    with progress() as shown:
        plans = plan_hosts(loaded, hosts, shown)
    tell(answers.plan_answer(loaded, plans), render_plan, loaded, plans, as_json=as_json)
    raise typer.Exit(exit_code(plans))


def exit_code(plans: Sequence[HostPlan]) -> int:
    if any(plan.in_the_way for plan in plans):
        return ERROR
    return NOTHING_TO_DO if all(plan.nothing_to_do for plan in plans) else CHANGES


@app.command(short_help="Roll out: stage, switch, verify, remove what is due.")
def apply(
    environment: EnvironmentName,
    host: OnlyHost = "",
    reason: Reason = "",
    batch: Batch = AT_ONCE,
    as_json: AsJson = False,
) -> None:
    """Roll out: stage, switch, verify, remove what is due, record.

    Databases come first, then the first service host as a barrier for the rest, which follow in
    batches. The first failure stops: hosts under way beside it come to their own end, and the report
    says who is untouched. A second run changes nothing. What was cut off, the next run finishes or
    puts back. The report is kept in .rollout/reports/.

    \b
    Examples:
      rollout apply production --reason "off session files"
      rollout apply production --host wa-1
      rollout apply production --batch 10

    \b
    Exit codes:
      0  done
      1  failed; the report says where, and who is untouched
      130, 143, 129  interrupted; the report says what was done until then
    """
    loaded, hosts = chosen(environment, host)
    outcome = apply_environment(loaded, hosts, Run.begun(reason), batch)
    report = report_of(outcome)
    try:
        with held_off():
            path = save_report(report)
    finally:
        tell(answers.apply_answer(loaded, report), render_report, loaded, report, as_json=as_json)
    if not as_json:
        stdout_console().print(f"Report: {path}")
    if outcome.interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(0 if outcome.succeeded else ERROR)


@app.command(name="verify", short_help="Check the hosts as they really are. Read-only.")
def verify_command(
    environment: EnvironmentName,
    host: OnlyHost = "",
    only: Only = "",
    junit: JunitFile = None,
    as_json: AsJson = False,
) -> None:
    """Check the hosts as they really are. Read-only.

    What can't be known is “not checked” with the reason, never passed. A failed check shows the end
    of the host's own log, secrets masked.

    \b
    Examples:
      rollout verify production
      rollout verify production --only disk      is the disk really clean?
      rollout verify production --junit checks.xml

    \b
    Exit codes:
      0  nothing failed
      1  something failed, or the checks did not come to their end
    """
    loaded, hosts = chosen(environment, host)
    with progress() as shown:
        result = verify(loaded, hosts, only=only or None, shown=shown.of)
    if junit is not None:
        write_junit(result, junit)
    answer = answers.verify_answer(loaded, result)
    tell(answer, render_verification, loaded, result, as_json=as_json)
    raise typer.Exit(result.exit_code)


@app.command(short_help="Show what runs, and what is set aside. Read-only.")
def status(environment: EnvironmentName, host: OnlyHost = "", as_json: AsJson = False) -> None:
    """Show what runs: release, set-aside directories, an interrupted switch. Read-only.

    \b
    Examples:
      rollout status production
      rollout status production --json | jq '.hosts[] | {host, revision}'

    \b
    Exit codes:
      0  every host answered
      1  one did not
    """
    loaded, hosts = chosen(environment, host)
    with progress() as shown:
        found = status_of(hosts, shown)
    tell(answers.status_answer(loaded, found), render_status, loaded, found, as_json=as_json)
    raise typer.Exit(ERROR if any("error" in answer for answer in found.values()) else 0)


def chosen(environment: str, host: str) -> tuple[Environment, tuple[Host, ...]]:
    """The environment, and its hosts in rollout order or the one that was named."""
    with progress() as shown:
        shown.of(environment).detail("reading its settings")
        loaded = load(environment)
    return loaded, (loaded.host(host),) if host else loaded.in_rollout_order()


def show_error(error: OperatorError, *, as_json: bool) -> None:
    """An error on standard error, 80 columns wide; with ``--json`` as an object on standard output."""
    if as_json:
        answers.print_json(answers.error_answer(error))
    for line in harmless(str(error)).splitlines():
        indent = len(line) - len(line.lstrip()) + 3
        print(filled(line, subsequent_indent=" " * indent), file=sys.stderr)


def show_usage_error(error: Any) -> None:
    """A mistyped command line; where the environment is missing, with those that there are."""
    error.show()
    if getattr(getattr(error, "param", None), "name", "") == "environment":
        print(f"There are {', '.join(environment_names())}.", file=sys.stderr)


def flushed() -> None:
    """Write out what was printed; Python would do it as it ends, with an exit code of its own, 120.

    Raises OSError: it can't be written; what is left of it goes nowhere.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise


def main(arguments: Sequence[str] | None = None) -> None:
    """The command's entry point: a mistake of the operator's is a sentence, an interruption a failure.

    A mistyped option ends with 64 (EX_USAGE), not click's 2: that means “changes” for a plan.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal whose letters are few still shows the rest.
            stream.reconfigure(errors="backslashreplace")
    with ended_like_ctrl_c() as came:
        code = _run(words)
    if code == CTRL_C:
        code = came[0] if came else CTRL_C
        with suppress(OSError):  # the terminal may be what went away
            print(
                "\nInterrupted. What a host's switch had begun goes on by itself;"
                " `rollout status ENVIRONMENT` shows it, `rollout apply ENVIRONMENT` finishes it.",
                file=sys.stderr,
            )
    raise SystemExit(code)


def _run(words: Sequence[str]) -> int:
    try:
        # typer turns Ctrl-C into its code and returns it, like the code of every `typer.Exit`.
        code: int = app(words, standalone_mode=False, prog_name="rollout")
        flushed()
    except UsageError as error:
        show_usage_error(error)
        code = EX_USAGE
    except OperatorError as error:
        show_error(error, as_json="--json" in words)
        code = ERROR
    except OSError as error:
        with suppress(OSError):  # standard output may be what is full
            flushed()
        with suppress(OSError):
            show_error(this_machine(error), as_json="--json" in words)
            flushed()
        code = ERROR
    except KeyboardInterrupt:
        code = CTRL_C
    return code


if __name__ == "__main__":
    main()
