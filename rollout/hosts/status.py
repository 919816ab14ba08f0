"""``rollout status``: what the host programs say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rollout.console import Progress
from rollout.environment.batches import AT_ONCE
from rollout.environment.environment import SERVICE, Environment, Host
from rollout.errors import OperatorError
from rollout.hosts.program import STATUS, answer_of
from rollout.hosts.ssh import Connections
from rollout.processes.children import each

PROGRAM = "/usr/local/sbin/baileys-hostswitch"


def status_of(
    environment: Environment, hosts: Sequence[Host], shown: Progress
) -> dict[str, dict[str, Any]]:
    """What each service host's program answers to ``status``.

    Args:
        environment: the environment.
        hosts: which hosts; those without the service are passed over.
        shown: where progress goes.

    Returns:
        Host name → the program's answer, or ``{"error": sentence}``.
    """
    services = [host for host in hosts if SERVICE in host.groups]
    with Connections() as connections:

        def ask(host: Host) -> dict[str, Any]:
            progress = shown.of(host.name)
            progress.step("asking")
            try:
                return host_status(connections, host, environment.name)
            except OperatorError as error:
                return {"error": str(error)}
            finally:
                progress.ended()

        answers = each(services, ask, AT_ONCE)
    return {host.name: answer for host, answer in zip(services, answers, strict=True)}


def host_status(connections: Connections, host: Host, environment: str) -> dict[str, Any]:
    """One host's answer."""
    command = [PROGRAM, "status", "--app-dir", str(host.settings["app_dir"])]
    command += ["--remove-after-days", str(host.settings["remove_after_days"])]
    done = connections.run(host, command, sudo=True)
    answer, said = answer_of(host, done, STATUS)
    if done.returncode == 0 and answer:
        return answer
    missing = f"no host program yet → rollout apply {environment}"
    return {"error": missing if "not found" in said else answer.get("error") or said or "?"}
