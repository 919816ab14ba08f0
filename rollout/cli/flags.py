"""``rollout flags``: the flags of every environment; toggled, proven, undone."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Annotated

import typer

from rollout.cli import flags_render as render
from rollout.cli.answers import answer, tell
from rollout.cli.options import (
    Argument,
    AsJson,
    Commands,
    EnvironmentName,
    OnlyHost,
    Option,
    Reason,
    offered_hosts,
)
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

app = Commands(help="Feature flags: declared, applied, seen in the process, undone.")
Canary = Annotated[
    str, Option("--host", help="This host only, as a canary.", autocompletion=offered_hosts)
]
FlagName = Annotated[str, Argument(help="This flag only.")]
Words = Annotated[list[str], Argument(metavar="NAME=VALUE…")]


@app.callback(invoke_without_command=True)
def matrix(context: typer.Context, as_json: AsJson = False) -> None:
    """Show every flag with its declared value in every environment. Contacts no host."""
    if context.invoked_subcommand is not None:
        return
    found = columns()
    said = answer("flags", environments=[column.to_json() for column in found])
    tell(said, render.render_columns, found, as_json=as_json)


@app.command()
def check(as_json: AsJson = False) -> None:
    """List every mistake in the flags of every environment. Contacts no host.

    Exit codes: 0 none, 1 some.
    """
    found = mistakes()
    tell(answer("flags check", mistakes=found), render.render_mistakes, found, as_json=as_json)
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
        name: {column.environment: column.values.get(name, "-") for column in (one, other)}
        for name in differing([one, other])
    }
    said = answer("flags diff", differences=found)
    tell(said, render.render_differences, first, second, found, as_json=as_json)
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
    said = answer("flags show", environment=loaded.name, hosts=[asdict(one) for one in found])
    tell(said, render.render_hosts, loaded.name, found, as_json=as_json)
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
        finish(loaded.name, toggle, Run.begun(reason), "", as_json=as_json)


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
        run = Run.begun(reason or f"undo of {last.rollout_id}")
        finish(loaded.name, toggle, run, last.rollout_id, as_json=as_json)


@app.command(short_help="Show who changed which flag, when and why.")
def history(environment: EnvironmentName, name: FlagName = "", as_json: AsJson = False) -> None:
    """Show who changed which flag, when, from what to what, and why; as the hosts recorded it."""
    found = [
        change
        for change in recorded_changes(environment)
        if not name or name in [flag for flag, _, _ in change.changes]
    ]
    changes = [asdict(change) for change in found]
    said = answer("flags history", environment=environment, changes=changes)
    tell(said, render.render_history, found, name, as_json=as_json)


def recorded_changes(environment: str) -> list[flags_history.Change]:
    """All changes of flags that the environment's hosts recorded."""
    hosts = edit.services(load(environment), None)
    with Connections() as connections:
        told = each(hosts, lambda one: (one.name, flags_host.history(connections, one)), AT_ONCE)
    return flags_history.changes_in(dict(told))


def finish(environment: str, toggle: edit.Toggle, run: Run, undoes: str, *, as_json: bool) -> None:
    """Show a toggle, do it, show how it went; ends the command."""
    if not as_json:
        render.render_toggle(stdout_console(), toggle)
    with progress() as shown:
        outcome = carry_out(load(environment), toggle, run, undoes, shown)
    said = answer(
        "flags undo" if undoes else "flags set",
        environment=environment,
        **run.overrides(),
        changes=toggle.changes(),
        files=[file.name for file in toggle.files],
        files_back=outcome.files_back,
        hosts=[asdict(host) for host in outcome.hosts],
        error=outcome.error,
    )
    tell(said, render.render_outcome, outcome, as_json=as_json)
    raise typer.Exit(OK if outcome.succeeded else ERROR)
