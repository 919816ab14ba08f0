"""One host's flags over SSH: look, stage and switch, record. Flags only; nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from roles.hostprogram.command import detached_words, streamed_command, streamed_stdin
from rollout.environment.environment import Environment, Host
from rollout.hosts import program
from rollout.hosts.program import ask, flags_plan
from rollout.hosts.ssh import ACT_SECONDS, Connections
from rollout.run import Run
from rollout.secret import Secret

LINES = {"flags": program.FLAGS_LINE, "switch": program.SWITCH_LINE}


def plain_flags(host: Host) -> dict[str, str]:
    """The host's flags that are no secrets, as the ``.env`` spells them."""
    flags: Mapping[str, Any] = host.settings["flags"]
    return {name: str(one) for name, one in flags.items() if not isinstance(one, Secret)}


def look(connections: Connections, host: Host) -> dict[str, Any]:
    """What the host shows of its flags; the program is streamed, so that none need be installed."""
    command = streamed_command("flags --plan -").get_raw_value()
    return ask(
        connections, host, command, program.FLAGS, given="\n".join(streamed_stdin(flags_plan(host)))
    )


def history(connections: Connections, host: Host) -> list[dict[str, Any]]:
    """Every line of the host's history, oldest first."""
    words = ["status", "--app-dir", str(host.settings["app_dir"]), "--lines", "1000000"]
    lines: list[dict[str, Any]] = ask(connections, host, words, program.STATUS)["history"]
    for line in lines:
        program.checked(host.name, line, LINES.get(str(line.get("event")), {}))
    return lines


def stage(connections: Connections, host: Host) -> None:
    """Have the next ``.env`` hold the host's flags, and no other change; it has no effect yet."""
    ask(connections, host, ["env", "--plan", "-"], given=json.dumps(_staging(host)))


def toggle(
    connections: Connections, environment: Environment, host: Host, run: Run, commit: str
) -> dict[str, Any]:
    """Stage the host's flags and let its switch take them up, on the commit that runs and stays.

    Returns the switch's own record; ``staged``: what changed in the ``.env`` as name, from and to,
    secrets masked; ``seen``: what the host shows of its flags then. Where the connection broke, it goes
    on by itself.
    """
    # Flags only, on the same release.
    switch = program.plan_of(environment, host, run.overrides(), commit)
    switch |= {"legacy_directories": [], "flags": plain_flags(host)}
    given = json.dumps({"env": _staging(host), "switch": switch, "flags": flags_plan(host)})
    command = detached_words("toggle --plan -", run.rollout_id)
    return ask(connections, host, command, program.TOGGLED, given=given, timeout=ACT_SECONDS)


def _staging(host: Host) -> dict[str, Any]:
    """The plan of ``baileys-hostswitch env``: this host's flags, and nothing else of its ``.env``."""
    flags = flags_plan(host)
    return {
        "env_live": flags["env_live"],
        "env_next": f"{flags['env_live']}.next",
        "service_user": flags["service_user"],
        "settings": flags["declared"],
        "secret_names": flags["secret_names"],
        "never_secret": list(plain_flags(host)),
    }


def record(connections: Connections, host: Host, line: Mapping[str, Any]) -> None:
    """Write a proven toggle into the host's history."""
    ask(connections, host, ["toggled"], given=json.dumps(line))
