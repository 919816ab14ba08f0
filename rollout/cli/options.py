"""The arguments that the commands share, with what the shell offers for each."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rollout.environment.environment import environment_names
from rollout.settings.where import hosts_of
from rollout.verify.verify import concerns


def offered_environments(incomplete: str) -> list[str]:
    return [name for name in environment_names() if name.startswith(incomplete)]


def offered_hosts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Hosts that begin so: of the environment that was typed, or of all before one was.

    Read without Ansible, which would take half a second at every press of the tab key.
    """
    known = environment_names()
    # An option that waits for its value ends the parsing: what was typed before it is left in `args`.
    typed = [word for word in (ctx.params.get("environment"), *ctx.args) if word in known]
    names = [name for one in typed[:1] or known for name in hosts_of(str(one))]
    return sorted({name for name in names if name.startswith(incomplete)})


def offered_concerns(incomplete: str) -> list[str]:
    return [name for name in concerns() if name.startswith(incomplete)]


Commands = partial(typer.Typer, rich_markup_mode=None, pretty_exceptions_enable=False)
Argument = partial(typer.Argument, show_default=False)
Option = partial(typer.Option, show_default=False)

EnvironmentName = Annotated[
    str,
    Argument(help="Which environment: inventory/NAME.yml.", autocompletion=offered_environments),
]
OnlyHost = Annotated[str, Option("--host", help="This host only.", autocompletion=offered_hosts)]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, for a program to read.")
]
Reason = Annotated[str, Option(help="Why; it goes into the record.")]
Batch = Annotated[
    int, typer.Option("--batch", min=1, help="Hosts at once, after the first service host.")
]
ONLY = "Only one concern; `disk`: is the disk really clean?"
Only = Annotated[str, Option(help=ONLY, autocompletion=offered_concerns)]
JunitFile = Annotated[
    Path | None,
    typer.Option("--junit", metavar="FILE", help="Write JUnit XML too, for a CI to show."),
]
