"""``rollout``: the operator's command."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from roles.shared.plan import new_rollout_id
from rollout import flags_cli
from rollout.applying import Run, apply_environment
from rollout.batches import AT_ONCE
from rollout.console import progress, stdout_console
from rollout.errors import OperatorError
from rollout.inventory import Environment, Host, load
from rollout.planning import exit_code, plan_hosts
from rollout.render import render_plan, render_report, render_status, render_verification
from rollout.reporting import report_of, save_report
from rollout.status import status_of
from rollout.verification import verify

app = typer.Typer(
    help=(
        "Roll a Baileys WhatsApp service out to its servers, and prove it.\n\n"
        "A rollout provisions the server, migrates the schema, stages release and flags, switches "
        "the service in one undoable step, verifies the host as it really is, and removes the "
        "session files that were proven safe elsewhere.\n\n"
        "Start with: rollout plan lab"
    ),
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ERROR, EX_USAGE, INTERRUPTED = 1, 64, 130
# typer carries its own click; the base of all its usage errors has no public name of its own.
UsageError: type[Any] = typer.BadParameter.__mro__[1]

EnvironmentName = Annotated[
    str, typer.Argument(help="lab, staging, production: inventory/NAME.yml", show_default=False)
]
OnlyHost = Annotated[str, typer.Option("--host", help="This host only.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]
Reason = Annotated[str, typer.Option(help="Why; it goes into the record.", show_default=False)]
Batch = Annotated[
    int, typer.Option("--batch", min=1, help="Hosts at once, after the first service host.")
]
Only = Annotated[
    str,
    typer.Option(help="Only these checks; `disk`: is the disk really clean?", show_default=False),
]

app.add_typer(flags_cli.app, name="flags")


@app.command()
def plan(environment: EnvironmentName, host: OnlyHost = "", as_json: AsJson = False) -> None:
    """Show what a rollout would change. Changes nothing.

    Exit codes: 0 nothing to do, 2 there are changes, 1 an error or a refusal.
    """
    loaded, hosts = chosen(environment, host)
    with progress() as shown:
        plans = plan_hosts(loaded, hosts, shown)
    show(render_plan, loaded, plans, as_json=as_json)
    raise typer.Exit(exit_code(plans))


@app.command()
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
    says who is untouched. A second run changes nothing. Exit codes: 0 done, 1 failed (the report says where).
    """
    loaded, hosts = chosen(environment, host)
    run = Run(new_rollout_id(), getpass.getuser(), reason)
    with progress() as shown:
        outcome = apply_environment(loaded, hosts, run, shown, batch)
    report = report_of(outcome)
    path = save_report(report)
    show(render_report, loaded, report, as_json=as_json)
    if not as_json:
        stdout_console().print(f"Report: {path}")
    raise typer.Exit(0 if outcome.succeeded else 1)


@app.command(name="verify")
def verify_command(
    environment: EnvironmentName, host: OnlyHost = "", only: Only = "", as_json: AsJson = False
) -> None:
    """Check the hosts as they really are. Read-only.

    What can't be known is “not checked”, never passed. Exit codes: 0 nothing failed, 1 something did.
    """
    loaded, hosts = chosen(environment, host)
    with progress() as shown:
        result = verify(
            loaded.name, only=only or None, hosts=[one.name for one in hosts], shown=shown.of
        )
    show(render_verification, loaded, result, as_json=as_json)
    raise typer.Exit(result.exit_code)


@app.command()
def status(environment: EnvironmentName, host: OnlyHost = "", as_json: AsJson = False) -> None:
    """Show what runs: release, set-aside directories, an interrupted switch. Read-only.

    Exit codes: 0 every host answered, 1 one did not.
    """
    loaded, hosts = chosen(environment, host)
    with progress() as shown:
        answers = status_of(loaded, hosts, shown)
    show(render_status, loaded, answers, as_json=as_json)
    raise typer.Exit(ERROR if any("error" in answer for answer in answers.values()) else 0)


def chosen(environment: str, host: str) -> tuple[Environment, tuple[Host, ...]]:
    """The environment, and its hosts in rollout order or the one that was named."""
    loaded = load(environment)
    return loaded, (loaded.host(host),) if host else loaded.in_rollout_order()


def show(
    render: Callable[..., None], environment: Environment, result: Any, *, as_json: bool
) -> None:
    """A result as JSON or for people."""
    if as_json:
        json.dump(plain(result), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        render(stdout_console(), environment, result)


def plain(value: Any) -> Any:
    """Dataclasses as dictionaries, all the way down."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def main() -> None:
    """The command's entry point: a mistake of the operator's is a sentence, Ctrl-C a failure.

    A mistyped option ends with 64 (EX_USAGE), not click's 2: that means “changes” for a plan.
    """
    try:
        # typer turns Ctrl-C into this code and returns it, like the code of every `typer.Exit`.
        code = app(standalone_mode=False)
    except UsageError as error:
        error.show()
        code = EX_USAGE
    except OperatorError as error:
        print(error, file=sys.stderr)
        code = ERROR
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        print(
            "\nInterrupted. What a host's switch had begun goes on by itself;"
            " `rollout status ENVIRONMENT` shows it, `rollout apply ENVIRONMENT` finishes it.",
            file=sys.stderr,
        )
    raise SystemExit(code)


if __name__ == "__main__":
    main()
