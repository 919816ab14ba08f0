"""One host's flags over SSH: look, stage and switch, record. Flags only; nothing else is touched."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
import subprocess
from collections.abc import Mapping
from typing import Any

from roles.shared.plan import host_plan
from roles.shared.program import LOADER, PROGRAM, ZIPAPP, detached_words, zipapp
from rollout.errors import OperatorError
from rollout.flag_catalogue import catalogue, revealed
from rollout.host_answers import (
    ANYTHING,
    FLAGS,
    FLAGS_LINE,
    STATUS,
    SWITCH_LINE,
    TOGGLED,
    answer_of,
    checked,
)
from rollout.inventory import Environment, Host
from rollout.outcome import Run
from rollout.secret import Secret
from rollout.ssh import ACT_SECONDS, Connections

LINES = {"flags": FLAGS_LINE, "switch": SWITCH_LINE}


class HostRefusedError(OperatorError):
    """The host's program ended a step with a verdict: its ``outcome`` is refused, put back, locked …"""

    def __init__(self, host: str, outcome: str, said: str) -> None:
        self.host = host
        self.outcome = outcome
        super().__init__(f"{host}: {said}")


def plain_flags(host: Host) -> dict[str, str]:
    """The host's flags that are no secrets, as the ``.env`` spells them."""
    flags: Mapping[str, Any] = host.settings["flags"]
    return {name: str(one) for name, one in flags.items() if not isinstance(one, Secret)}


def look(connections: Connections, host: Host) -> dict[str, Any]:
    """What the host shows of its flags; the program is streamed, so that none need be installed.

    Raises:
        OperatorError: the host can't be reached, or does not answer.
    """
    program = base64.b64encode(zipapp()).decode()
    stdin = "\n".join([str(len(program)), program, json.dumps(_looking(host))])
    command = f"python3 -c {shlex.quote(LOADER)} flags --plan -"
    done = connections.run(host, command, stdin=stdin.encode(), sudo=True)
    return _answer(host, done, FLAGS)


def _looking(host: Host) -> dict[str, Any]:
    """The plan of ``baileys-hostswitch flags``: every flag of the catalogue and every declared one."""
    settings = host.settings
    flags: Mapping[str, Any] = settings["flags"]
    return {
        "env_live": f"{settings['app_dir']}/.env",
        "service_user": settings["service_user"],
        "pm2_home": f"{settings['service_home']}/.pm2",
        "service_app": settings["service_app"],
        "status_url": f"http://127.0.0.1:{settings['service_port']}/status",
        "declared": {name: str(revealed(one)) for name, one in flags.items()},
        "names": list(dict.fromkeys([*catalogue().flags, *flags])),
        "secret_names": [name for name, one in flags.items() if isinstance(one, Secret)],
    }


def history(connections: Connections, host: Host) -> list[dict[str, Any]]:
    """Every line of the host's history, oldest first."""
    words = [PROGRAM, "status", "--app-dir", str(host.settings["app_dir"]), "--lines", "1000000"]
    lines = list(_answer(host, connections.run(host, words, sudo=True), STATUS)["history"])
    for line in lines:
        checked(host.name, line, LINES.get(line.get("event"), {}))
    return lines


def look_installed(
    connections: Connections, environment: Environment, host: Host
) -> dict[str, Any]:
    """What the host shows of its flags, by an installed program of this very version.

    Raises:
        OperatorError: it can't be asked, has not been rolled out, or with another version of this
            package.
    """
    remedy = f"rollout apply {environment.name} --host {host.name}"
    both = f"sha256sum {ZIPAPP} && {PROGRAM} flags --plan -"
    done = connections.run(host, both, stdin=json.dumps(_looking(host)).encode(), sudo=True)
    digest = done.stdout.split()[0].decode() if done.stdout else ""
    if not digest:
        raise OperatorError(f"{host.name}: the host program is not installed yet.", remedy)
    if digest != hashlib.sha256(zipapp()).hexdigest():
        raise OperatorError(f"{host.name}: the host program is of another version.", remedy)
    seen = _answer(host, done, FLAGS)
    if not seen["revision"]:
        raise OperatorError(f"{host.name}: the service was not rolled out yet.", remedy)
    return seen


def stage(connections: Connections, host: Host) -> None:
    """Have the next ``.env`` hold the host's flags, and no other change; it has no effect yet.

    Raises:
        HostRefusedError: the live file is not what it should be.
    """
    plan = json.dumps(_staging(host)).encode()
    _answer(host, connections.run(host, [PROGRAM, "env", "--plan", "-"], stdin=plan, sudo=True))


def toggle(
    connections: Connections, environment: Environment, host: Host, run: Run, commit: str
) -> dict[str, Any]:
    """Stage the host's flags and let its switch take them up, on the release that runs.

    Args:
        connections: the SSH connections.
        environment: the environment.
        host: the host, its flags as they are to be.
        run: who and why.
        commit: the commit that runs there; it stays.

    Returns:
        The switch's own record; ``staged``: what changed in the ``.env`` as name, from and to, secrets
        masked; ``seen``: what the host shows of its flags then.

    Raises:
        HostRefusedError: refused, put back, left stopped, or another run is at work.
        OperatorError: the connection broke; the switch goes on by itself.
    """
    plan = {
        "env": _staging(host),
        "switch": _switching(environment, host, run, commit),
        "flags": _looking(host),
    }
    command = detached_words("toggle --plan -", run.rollout_id)
    stdin = json.dumps(plan).encode()
    done = connections.run(host, command, stdin=stdin, sudo=True, timeout=ACT_SECONDS)
    return _answer(host, done, TOGGLED)


def _staging(host: Host) -> dict[str, Any]:
    """The plan of ``baileys-hostswitch env``: this host's flags, and nothing else of its ``.env``."""
    app_dir = host.settings["app_dir"]
    flags: Mapping[str, Any] = host.settings["flags"]
    return {
        "env_live": f"{app_dir}/.env",
        "env_next": f"{app_dir}/.env.next",
        "service_user": host.settings["service_user"],
        "settings": {name: str(revealed(one)) for name, one in flags.items()},
        "secret_names": [name for name, one in flags.items() if isinstance(one, Secret)],
        "never_secret": list(plain_flags(host)),
    }


def _switching(environment: Environment, host: Host, run: Run, commit: str) -> dict[str, Any]:
    """The plan of ``baileys-hostswitch switch`` for a toggle: flags only, on the same release."""
    data = {
        **host.settings,
        **run.overrides(),
        "environment": environment.name,
        "legacy_directories": [],
    }
    return {**host_plan(data, host.name, commit), "flags": plain_flags(host)}


def record(connections: Connections, host: Host, line: Mapping[str, Any]) -> None:
    """Write a proven toggle into the host's history.

    Raises:
        OperatorError: the host did not take it.
    """
    done = connections.run(host, [PROGRAM, "toggled"], stdin=json.dumps(line).encode(), sudo=True)
    _answer(host, done)


def _answer(
    host: Host, done: subprocess.CompletedProcess[bytes], shape: Any = ANYTHING
) -> dict[str, Any]:
    """The last JSON object that the host program printed.

    Raises:
        HostRefusedError: it ended with an error, in its own words.
        OperatorError: it said nothing that can be read.
    """
    answer, said = answer_of(host, done, shape)
    if done.returncode == 0 and answer:
        checked(host.name, answer, shape)
        return answer
    if "error" in answer:
        raise HostRefusedError(host.name, str(answer.get("outcome", "error")), answer["error"])
    raise OperatorError(f"{host.name}: {said or 'the host program said nothing'}")
