"""``rollout sessions restore``: one legacy directory back in its place, by the host's own program."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rollout.environment.environment import SERVICE, Environment, Host
from rollout.errors import OperatorError
from rollout.hosts import program
from rollout.hosts.program import HostRefusedError
from rollout.hosts.ssh import ACT_SECONDS, Connections
from rollout.run import Run

RESTORED, CHANGES, REFUSED = "restored", "changes", "refused"


@dataclass(frozen=True)
class Restoration:
    host: str
    directory: str  # as ``legacy_directories`` has it
    outcome: str  # ``restored``, ``changes`` (it was only asked) or ``refused``
    set_aside_by: str = ""  # the rollout that set it aside; empty where it was refused
    # path of the archive that it comes out of; None where it is still set aside
    archive: str | None = None
    refusals: list[str] = field(default_factory=list)  # why not, each with a remedy


def restore(
    environment: Environment,
    host: Host,
    directory: str,
    run: Run,
    connections: Connections,
    *,
    set_aside_by: str,
    only_check: bool,
) -> Restoration:
    """Put a directory back, or say what that would do; of several that kept it, by the one that is named."""
    _demand_declared(environment, host, directory)
    commit = str(program.look_installed(connections, environment, host)["revision"])
    plan = json.dumps(program.plan_of(environment, host, run.overrides(), commit))
    which = ["--set-aside-by", set_aside_by] if set_aside_by else []
    ask_program = partial(_asked, connections, host, directory, which)
    found = ask_program(plan, "--check")
    if found.outcome == REFUSED or only_check:
        return found
    if found.archive is None:
        return ask_program(plan)
    identity = _identity_of(environment, host, found.archive)
    return ask_program(f"{plan}\n{identity}", "--identity", "-")


def _demand_declared(environment: Environment, host: Host, directory: str) -> None:
    if SERVICE not in host.groups:
        problem = f"{host.name} is no service host: nothing was ever set aside there."
        raise OperatorError(problem, f"rollout status {environment.name}")
    declared = [str(one["path"]) for one in host.settings["legacy_directories"]]
    if directory not in declared:
        there_are = ", ".join(declared) or "none"
        problem = (
            f"{directory} is not in legacy_directories of {host.name}; there are: {there_are}."
        )
        remedy = f"declare it with its kind in group_vars/{environment.name}/"
        raise OperatorError(problem, remedy)


def _identity_of(environment: Environment, host: Host, archive: str) -> str:
    named = str(host.settings.get("archive_identity_file") or "")
    if not named:
        raise OperatorError(
            f"{host.name}: only {archive} is left, and archive_identity_file names no identity here.",
            "run this where the identity is, with archive_identity_file set",
        )
    try:
        return Path(named).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"archive_identity_file {named} can't be read: {error}"
        raise OperatorError(problem, f"set it in group_vars/{environment.name}/") from None


def _asked(
    connections: Connections, host: Host, directory: str, which: list[str], given: str, *how: str
) -> Restoration:
    words = ["restore", directory, "--plan", "-", *which, *how]
    try:
        answer = program.ask(
            connections, host, words, program.RESTORING, given=given, timeout=ACT_SECONDS
        )
    except HostRefusedError as error:
        if error.outcome != REFUSED:
            raise
        return Restoration(host.name, directory, REFUSED, refusals=error.refusals)
    if answer["outcome"] not in (RESTORED, CHANGES):
        raise program.not_understood(host.name, f"its outcome is {answer['outcome']}")
    kept = (str(answer.get("set_aside_by")), answer.get("archive"))
    return Restoration(host.name, directory, answer["outcome"], *kept)
