"""``rollout sessions``: what was set aside or archived, put back by hand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from rollout.cli.answers import restore_answer, tell
from rollout.cli.options import (
    Argument,
    AsJson,
    Commands,
    EnvironmentName,
    Option,
    Reason,
    offered_hosts,
)
from rollout.console import progress
from rollout.environment.environment import load
from rollout.hosts.restore import CHANGES, REFUSED, Restoration
from rollout.hosts.restore import restore as put_back
from rollout.hosts.ssh import Connections
from rollout.run import Run

OK, ERROR, WOULD = 0, 1, 2

app = Commands(help="Session directories that a rollout took away: put back.", no_args_is_help=True)
HostName = Annotated[str, Argument(metavar="HOST", autocompletion=offered_hosts)]
Directory = Annotated[str, Argument(metavar="NAME", help="As in legacy_directories.")]
SetAsideBy = Annotated[str, Option("--set-aside-by", help="The rollout, where several kept it.")]
Check = Annotated[bool, typer.Option("--check", help="Only say what would be done.")]


@app.callback()
def sessions() -> None:
    """Session directories that a rollout took away: put back."""


@app.command(short_help="Put a set-aside or archived directory back, exactly.")
def restore(
    environment: EnvironmentName,
    host: HostName,
    name: Directory,
    *,
    set_aside_by: SetAsideBy = "",
    check: Check = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Put a set-aside or archived directory back, exactly.

    Names, modes, owners, times and contents are as they were. A live directory is refused unless the
    running service shows that it reads PostgreSQL, or the database has nothing of its companies: old
    keys must not come before newer ones. It goes into the host's history. As long as the directory is
    declared, the daily check reports it, and the next rollout sets it aside again.

    Out of an archive it needs archive_identity_file on this machine. The identity is in the host's
    memory for as long as that takes, on no disk of it.

    \b
    Examples:
      rollout sessions restore production wa-1 baileys_sessions --check
      rollout sessions restore production wa-1 baileys_sessions --reason "case 4711"

    \b
    Exit codes:
      0  it is back
      1  refused, or an error; nothing was changed
      2  --check only: it would be put back
    """
    with progress() as shown, Connections() as connections:
        loaded = load(environment)
        chosen = loaded.host(host)
        shown.of(host).step(f"asking about {name}" if check else f"restoring {name}")
        run = Run.begun(reason)
        done = put_back(
            loaded, chosen, name, run, connections, set_aside_by=set_aside_by, only_check=check
        )
    answer = restore_answer(loaded, run.rollout_id, asdict(done))
    tell(answer, render, environment, done, as_json=as_json)
    raise typer.Exit({REFUSED: ERROR, CHANGES: WOULD}.get(done.outcome, OK))


def render(console: Console, environment: str, done: Restoration) -> None:
    kept = done.archive or f"what {done.set_aside_by} set aside"
    for refusal in done.refusals:
        console.print(f"! refused: {refusal}")
    if done.outcome == CHANGES:
        console.print(f"~ restore {done.directory} from {kept}")
    if done.outcome in (CHANGES, REFUSED):
        console.print("Nothing was changed.")
        return
    console.print(f"{done.host}: {done.directory} is back, from {kept}.")
    console.print(
        "While it is declared in legacy_directories, the daily check reports it and"
        f" `rollout apply {environment}` sets it aside again."
    )
