"""Run ``deploy.py`` with pyinfra, as a child process that writes events as JSON lines.

``python -m rollout.deploys.engine REQUEST EVENTS,EVENTS…``, the numbers of descriptors: from the first
comes what to do, marked secrets included, to the others go the events of each host. A process of its
own, because pyinfra runs under gevent's monkey patch and because a killed child is the one way to stop
it at once. Each host is run in a fork of it, with one active host as ``deploy.py`` demands: pyinfra and
the roles are imported once, however many hosts there are, and no host's step waits for another's. Two
of the names used here are not public, ``pyinfra.is_cli`` and ``pyinfra_cli.util.load_deploy_file``:
only with them are operations kept in the order of the deploy file and told apart by line (docs/facts.md
section 5, "Two phases"); ``tests/unit/rollout/test_engine.py`` holds them to it.
"""

from __future__ import annotations

# ruff: noqa: E402
from gevent import monkey

monkey.patch_all()

import json
import logging
import os
import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

import pyinfra
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.operations import run_ops
from pyinfra.api.state import BaseStateCallback, State, StateStage
from pyinfra.context import ctx_config, ctx_inventory, ctx_state

from roles.hostprogram.command import zipapp
from rollout.deploys.pyinfra_inventory import host_data
from rollout.deploys.pyinfra_ssh import HostFailedError, install
from rollout.environment.environment import Environment, Host, taken_over
from rollout.errors import unforeseen
from rollout.processes.forked import run_forked

pyinfra.is_cli = True

from pyinfra_cli.util import exec_file, load_deploy_file

from rollout.checkout import ROOT

EVENTS = os.fdopen(os.dup(1), "w", buffering=1)


def emit(event: str, **fields: Any) -> None:
    EVENTS.write(json.dumps({"event": event, **fields}) + "\n")


class EventWriter(BaseStateCallback):
    @staticmethod
    def operation_start(state: State, op_hash: str) -> None:
        emit("operation", name=operation_name(state, op_hash))

    @staticmethod
    def operation_end(state: State, op_hash: str) -> None:
        """An operation ended, well; one that failed ends the run before this is called."""
        if meta := completed(state, op_hash):
            emit(
                "operation ended",
                name=operation_name(state, op_hash),
                changed=meta.did_change(),
                failed=not meta.did_succeed(),
                stdout=meta.stdout_lines,
                stderr=meta.stderr_lines,
            )


def execute(state: State) -> None:
    """Run what was prepared; where an operation fails, tell what it said."""
    state.set_stage(StateStage.Execute)
    try:
        run_ops(state)
    except PyinfraError:
        ran = [op_hash for op_hash in state.get_op_order() if completed(state, op_hash)]
        if ran:
            EventWriter.operation_end(state, ran[-1])
        raise


def completed(state: State, op_hash: str) -> Any:
    """How an operation ended on the one host that this run has; None if it did not run there."""
    (operations,) = state.ops.values()
    meta = operations[op_hash].operation_meta if op_hash in operations else None
    return meta if meta is not None and meta.is_complete() else None


def operation_name(state: State, op_hash: str) -> str:
    return ", ".join(sorted(state.get_op_meta(op_hash).names))


class LogEvents(logging.Handler):
    """pyinfra's own errors and warnings, which hold the reason where a fact or a connection fails."""

    def emit(self, record: logging.LogRecord) -> None:
        emit("log", level=record.levelname.lower(), text=record.getMessage())


def prepared_state(
    host: Host, environment: Environment, overrides: dict[str, Any], dry: bool
) -> State:
    """pyinfra's state for one host, connected."""
    state = State(check_for_changes=dry)
    state.cwd = str(ROOT)
    ctx_state.set(state)
    config = Config()
    ctx_config.set(config)
    exec_file(str(ROOT / "config.py"))
    config.lock_current_state()
    groups: dict[str, Any] = {group: ([host.name], {}) for group in host.groups}
    data = [(host.name, host_data(environment, host))]
    inventory = Inventory((data, {}), override_data=overrides, **groups)
    ctx_inventory.set(inventory)
    state.init(inventory, config)
    state.add_callback_handler(EventWriter())
    state.set_stage(StateStage.Connect)
    connect_all(state)
    return state


def run(host: Host, environment: Environment, overrides: dict[str, Any], dry: bool) -> bool:
    """Prepare the deploy on a host and, unless dry, execute it; True when nothing failed."""
    state = prepared_state(host, environment, overrides, dry)
    state.set_stage(StateStage.Prepare)
    load_deploy_file(state, str(ROOT / "deploy.py"))
    if dry:
        emit_plan(state)
    else:
        execute(state)
    emit_answers()
    state.set_stage(StateStage.Disconnect)
    disconnect_all(state)
    return not state.failed_hosts


def emit_plan(state: State) -> None:
    (operations,) = state.ops.values()
    for op_hash in state.get_op_order():
        changes = bool(operations[op_hash].operation_meta.will_change)
        emit("planned", name=operation_name(state, op_hash), changes=changes)


def emit_answers() -> None:
    """What the host program said last, by subcommand; what the one host resolved its revision to."""
    from roles.hostprogram.ask import LAST_ANSWERS
    from roles.hostprogram.commit import COMMITS

    emit("answers", answers=LAST_ANSWERS, commit="".join(COMMITS.values()))


def imported() -> None:
    """Import what every host's run needs, and build the host program, before the first fork."""
    for tasks in sorted((ROOT / "roles").glob("*/tasks.py")):
        import_module(f"roles.{tasks.parent.name}.tasks")
    zipapp()


def run_one(environment: Environment, deploy: Mapping[str, Any], events: int, dry: bool) -> int:
    os.dup2(events, EVENTS.fileno())
    succeeded = False
    try:
        succeeded = run(environment.host(deploy["host"]), environment, deploy["overrides"], dry)
    except HostFailedError as error:
        emit("failed", text=str(error))
    except PyinfraError as error:
        emit("log", level="error", text=str(error))
    except Exception as error:  # what a host says may trip up any step that reads it
        # pyinfra wraps what a deploy file raises into an error that has no text.
        cause = getattr(error, "exception", error)
        emit("failed", text=str(unforeseen(deploy["host"], cause)))
    emit("ended", succeeded=succeeded)
    return 0 if succeeded else 1


def main() -> int:
    os.dup2(2, 1)  # whatever prints to stdout must not end up between the events
    sys.path.append(str(ROOT))
    logger = logging.getLogger("pyinfra")
    logger.setLevel(logging.WARNING)
    logger.addHandler(LogEvents())
    with os.fdopen(int(sys.argv[1])) as given:
        request = json.load(given)
    environment = taken_over(request["environment"])
    install()
    imported()
    acts = [
        partial(run_one, environment, one, int(events), request["dry"])
        for one, events in zip(request["deploys"], sys.argv[2].split(","), strict=True)
    ]
    return max(map(abs, run_forked(acts, request["at_once"])), default=0)


if __name__ == "__main__":
    raise SystemExit(main())
