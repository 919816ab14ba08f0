"""``rollout flags``: the flags of every environment; toggled, proven, undone."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Annotated, Any

import typer

from roles.hostprogram.plan import new_rollout_id
from rollout.cli import flags_render
from rollout.cli.answers import answer, print_json
from rollout.cli.options import AsJson, EnvironmentName, OnlyHost, Reason, offered_hosts
from rollout.console import progress, stdout_console
from rollout.environment.environment import AT_ONCE, Host, load
from rollout.errors import OperatorError
from rollout.flags import edit
from rollout.flags import history as flags_history
from rollout.flags import host as flags_host
from rollout.flags.drift import HostFlags, judged
from rollout.flags.toggle import carry_out
from rollout.flags.values import columns, differing, mistakes
from rollout.hosts.ssh import Connections
from rollout.processes.checkout_lock import only_one
from rollout.processes.children import each
from rollout.run import Run

OK, ERROR, DRIFT = 0, 1, 2

app = typer.Typer(
    help="Feature flags: declared, applied, seen in the process, undone.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Canary = Annotated[
    str,
    typer.Option(
        "--host",
        help="This host only, as a canary.",
        show_default=False,
        autocompletion=offered_hosts,
    ),
]
FlagName = Annotated[str, typer.Argument(help="This flag only.", show_default=False)]
Words = Annotated[list[str], typer.Argument(metavar="NAME=VALUE…", show_default=False)]


@app.callback(invoke_without_command=True)
def matrix(context: typer.Context, as_json: AsJson = False) -> None:
    """Show every flag with its declared value in every environment. Contacts no host."""
    if context.invoked_subcommand is not None:
        return
    found = columns()
    if as_json:
        print_json(answer("flags", environments=[column.to_json() for column in found]))
        return
    flags_render.render_columns(stdout_console(), found)
    flags_render.render_catalogue(stdout_console())


@app.command()
def check(as_json: AsJson = False) -> None:
    """List every mistake in the flags of every environment. Contacts no host.

    Exit codes: 0 none, 1 some.
    """
    found = mistakes()
    if as_json:
        print_json(answer("flags check", mistakes=found))
    else:
        for number, one in enumerate(found, 1):
            stdout_console().print(f"{number}. {one}")
        if not found:
            stdout_console().print("No mistakes.")
    raise typer.Exit(ERROR if found else OK)


@app.command()
def diff(first: EnvironmentName, second: EnvironmentName, as_json: AsJson = False) -> None:
    """Show the flags that two environments declare differently.

    Exit codes: 0 none differs, 2 some do, 1 an error.
    """
    one, other = columns([first, second])
    for column in (one, other):
        if column.failure:
            raise OperatorError(column.failure)
    found = {
        name: (one.values.get(name, "-"), other.values.get(name, "-"))
        for name in differing([one, other])
    }
    if as_json:
        differences = {name: {first: a, second: b} for name, (a, b) in found.items()}
        print_json(answer("flags diff", differences=differences))
    else:
        for name, (a, b) in found.items():
            stdout_console().print(f"{name}  {first}: {a}  {second}: {b}")
        if not found:
            stdout_console().print(f"{first} and {second} declare the same flags.")
    raise typer.Exit(DRIFT if found else OK)


@app.command(short_help="Show each flag as declared, in file and process.")
def show(environment: EnvironmentName, host: OnlyHost = "", as_json: AsJson = False) -> None:
    """Show each flag as declared, in the file, in the process and as the service reports it.

    Exit codes: 0 all agree, 2 something differs (drift), 1 a host could not be asked.
    """
    loaded = load(environment)
    hosts = edit.services(loaded, host or None)
    with progress() as shown, Connections() as connections:

        def ask(one: Host) -> HostFlags:
            shown.of(one.name).step("looking at its flags")
            try:
                seen = flags_host.look(connections, one)
            except OperatorError as error:
                return HostFlags(one.name, failure=str(error))
            own = one.settings.get("flag_overrides") or {}
            return judged(one.name, one.settings["flags"], seen, own)

        found = each(hosts, ask, AT_ONCE)
    if as_json:
        hosts_shown = [asdict(one) for one in found]
        print_json(answer("flags show", environment=loaded.name, hosts=hosts_shown))
    else:
        flags_render.render_hosts(stdout_console(), loaded.name, found)
    if any(one.failure for one in found):
        raise typer.Exit(ERROR)
    raise typer.Exit(DRIFT if any(one.differs for one in found) else OK)


@app.command(name="set", short_help="Toggle flags through the switch; prove them.")
def set_command(
    environment: EnvironmentName,
    words: Words,
    reason: Reason,
    host: Canary = "",
    as_json: AsJson = False,
) -> None:
    """Toggle flags: edit the YAML, apply them through the switch, prove them in the process.

    What does not become healthy is put back, on the hosts and in the YAML. Exit codes: 0 proven, 1 not.
    """
    values = edit.parsed(environment, words)
    with only_one("toggle", f"{getpass.getuser()}, {environment}"):
        loaded = load(environment)
        toggle = edit.decided(loaded, values, host or None)
        run = Run(new_rollout_id(), getpass.getuser(), reason)
        finish(loaded.name, toggle, run, "", as_json=as_json)


@app.command(short_help="Undo the last toggle that is not undone yet.")
def undo(environment: EnvironmentName, reason: Reason = "", as_json: AsJson = False) -> None:
    """Undo the last toggle that is not undone yet; flags that change data are refused.

    Exit codes: 0 undone and proven, 1 not.
    """
    with only_one("toggle", f"{getpass.getuser()}, {environment}"):
        loaded = load(environment)
        last = flags_history.to_undo(environment, recorded_changes(environment))
        one = last.hosts[0] if last.scope == "host" else None
        values = {name: before for name, before, _ in last.changes}
        toggle = edit.decided(loaded, values, one)
        for name, _, after in last.changes:
            now = toggle.old_hosts[0].settings["flags"].get(name) if one else toggle.before[name]
            if str(now) != str(after):
                raise OperatorError(
                    f"{name} is {now} now, not {after} as {last.rollout_id} left it.",
                    f"rollout flags set {environment} {name}=… --reason …",
                )
        run = Run(new_rollout_id(), getpass.getuser(), reason or f"undo of {last.rollout_id}")
        finish(loaded.name, toggle, run, last.rollout_id, as_json=as_json)


@app.command(short_help="Show who changed which flag, when and why.")
def history(environment: EnvironmentName, name: FlagName = "", as_json: AsJson = False) -> None:
    """Show who changed which flag, when, from what to what, and why; as the hosts recorded it."""
    found = [
        change
        for change in recorded_changes(environment)
        if not name or name in [flag for flag, _, _ in change.changes]
    ]
    if as_json:
        changes = [asdict(change) for change in found]
        print_json(answer("flags history", environment=environment, changes=changes))
    else:
        flags_render.render_history(stdout_console(), found, name)


def recorded_changes(environment: str) -> list[flags_history.Change]:
    """All changes of flags that the environment's hosts recorded."""
    hosts = edit.services(load(environment), None)
    with Connections() as connections:
        lines = each(hosts, lambda host: flags_host.history(connections, host), AT_ONCE)
    names = [host.name for host in hosts]
    return flags_history.changes_in(dict(zip(names, lines, strict=True)))


def finish(environment: str, toggle: edit.Toggle, run: Run, undoes: str, *, as_json: bool) -> None:
    """Show a toggle, do it, show how it went; ends the command."""
    if not as_json:
        flags_render.render_toggle(stdout_console(), toggle)
    with progress() as shown:
        outcome = carry_out(load(environment), toggle, run, undoes, shown)
    if as_json:
        hosts = [asdict(host) for host in outcome.hosts]
        fields: dict[str, Any] = {
            **run.overrides(),
            "changes": toggle.changes(),
            "files": [file.name for file in toggle.files],
            "files_back": outcome.files_back,
            "hosts": hosts,
            "error": outcome.error,
        }
        command = "flags undo" if undoes else "flags set"
        print_json(answer(command, environment=environment, **fields))
    else:
        flags_render.render_outcome(stdout_console(), outcome)
    raise typer.Exit(OK if outcome.succeeded else ERROR)
