"""``rollout status``: what the host programs say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rollout.console import Progress
from rollout.environment.batches import AT_ONCE
from rollout.environment.environment import SERVICE, Host
from rollout.errors import OperatorError
from rollout.hosts.program import STATUS, ask
from rollout.hosts.ssh import Connections
from rollout.processes.children import each


def status_of(hosts: Sequence[Host], shown: Progress) -> dict[str, dict[str, Any]]:
    """By name, what each service host's program answers to ``status``, or ``{"error": sentence}``."""
    services = [host for host in hosts if SERVICE in host.groups]
    with Connections() as connections:

        def one(host: Host) -> dict[str, Any]:
            progress = shown.of(host.name)
            progress.step("asking")
            try:
                return host_status(connections, host)
            except OperatorError as error:
                return {"error": str(error)}
            finally:
                progress.ended()

        answers = each(services, one, AT_ONCE)
    return {host.name: answer for host, answer in zip(services, answers, strict=True)}


def host_status(connections: Connections, host: Host) -> dict[str, Any]:
    settings = host.settings
    command = ["status", "--app-dir", str(settings["app_dir"])]
    command += ["--remove-after-days", str(settings["remove_after_days"])]
    return ask(connections, host, command, STATUS)
