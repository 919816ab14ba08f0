"""One run of ``deploy.py`` on one host, seen from the command: start the engine, follow its events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollout.children import following
from rollout.inventory import Environment, Host
from rollout.wire import marked

ROOT = Path(__file__).resolve().parent.parent
Progress = Callable[[str], None]


@dataclass
class HostRun:
    """What happened on a host.

    Args:
        host: its name.
        succeeded: every step ended well.
        changed: names of the steps that changed something, in order.
        planned: names of the steps that would, in a dry run.
        answers: what the host program answered in a dry run, by subcommand.
        results: the last JSON object that each step of the host program printed, by step name.
        failure: the step that failed, with what it said.
        commit: what the declared revision was resolved to; empty where it was not asked for.
        log: pyinfra's own warnings and errors, in order.
    """

    host: str
    succeeded: bool = False
    changed: list[str] = field(default_factory=list)
    planned: list[str] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    failure: str = ""
    commit: str = ""
    log: list[str] = field(default_factory=list)


def run_deploy(
    environment: Environment,
    host: Host,
    overrides: Mapping[str, Any],
    *,
    dry: bool,
    progress: Progress,
) -> HostRun:
    """Run ``deploy.py`` on one host and follow it to its end.

    Args:
        environment: the environment.
        host: one of its hosts.
        overrides: data of this run (``rollout_id``, ``operator``, ``reason``).
        dry: only prepare, and say what would change.
        progress: called with the name of each step as it begins.

    Returns:
        What happened; a failure is in it, not raised.

    Raises:
        KeyboardInterrupt: the operator interrupted; the engine is ended, and what the host program
            had begun goes on by itself.
    """
    outcome = HostRun(host.name)
    arguments = [sys.executable, "-m", "rollout.engine", *(["--dry"] if dry else [])]
    # A session of its own: the terminal's Ctrl-C reaches the command only, which then decides.
    with (
        tempfile.TemporaryFile("w+") as trouble,
        subprocess.Popen(
            arguments,
            cwd=ROOT,
            env={**os.environ, "PYINFRA_PROGRESS": "off"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=trouble,
            text=True,
            start_new_session=True,
        ) as child,
        following(child),
    ):
        assert child.stdin and child.stdout
        child.stdin.write(json.dumps(request_for(environment, host, overrides)))
        child.stdin.close()
        for line in child.stdout:
            take_event(outcome, json.loads(line), progress)
        child.wait()
        if child.returncode != 0 and not outcome.failure:
            trouble.seek(0)
            said = "; ".join(outcome.log[-3:]) or trouble.read().strip()[-2000:]
            outcome.failure = said or "the engine ended without a word"
    outcome.succeeded = child.returncode == 0 and not outcome.failure
    return outcome


def request_for(
    environment: Environment, host: Host, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """What the engine reads on standard input: the host, its secrets marked."""
    return {
        "environment": environment.name,
        "name": host.name,
        "groups": list(host.groups),
        "settings": marked(host.settings),
        "overrides": dict(overrides),
    }


def take_event(outcome: HostRun, event: Mapping[str, Any], progress: Progress) -> None:
    """Take one event of the engine into the outcome."""
    kind = event["event"]
    if kind == "operation":
        progress(event["name"])
    elif kind == "operation ended":
        take_operation(outcome, event)
    elif kind == "planned" and event["changes"]:
        outcome.planned.append(event["name"])
    elif kind == "answers":
        outcome.answers = event["answers"]
        outcome.commit = event["commit"]
    elif kind == "log":
        outcome.log.append(event["text"].strip())


def take_operation(outcome: HostRun, event: Mapping[str, Any]) -> None:
    """Take one ended operation: changed, failed, and the host program's result."""
    name = event["name"]
    answers = [line for line in event["stdout"] if line.startswith("{")]
    if answers:
        outcome.results[name] = json.loads(answers[-1])
    if event["failed"]:
        error = outcome.results.get(name, {}).get("error")
        said = [error] if error else [line for line in event["stderr"] if line.strip()][-12:]
        outcome.failure = f"{name}: " + "\n".join(said or outcome.log[-3:] or ["no reason given"])
    elif event["changed"]:
        outcome.changed.append(name)
