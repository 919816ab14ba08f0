"""What is removed once a host was verified, by the host's own program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hostswitch.decide.due import WAITING_FOR_VERIFICATION
from roles.hostprogram.steps import PRUNE, REMOVE
from rollout.apply.one_host import OneHost, remove
from rollout.apply.report import HostOutcome
from rollout.console import Progress
from rollout.environment.environment import Environment, Host
from rollout.errors import OperatorError
from rollout.hosts.ssh import Connections
from rollout.run import Run

from ..good_settings import GOOD
from ..ssh_server import a_host, ssh_server

WAITS: dict[str, Any] = {"waiting": [{"name": "x", "why": WAITING_FOR_VERIFICATION}]}
REMOVED = {"outcome": "removed", "removed": [], "waiting": [], "due": ["x: removal due 2026-12-03"]}


@pytest.mark.parametrize(
    ("waiting", "answer", "again"),
    [
        ((), WAITS, False),
        ((REMOVE,), WAITS, True),
        ((PRUNE,), WAITS, True),
        ((REMOVE, PRUNE), WAITS, True),
        ((REMOVE, PRUNE), REMOVED, False),
    ],
    ids=["nothing waits", "removal", "old releases", "both", "removed"],
)
def test_a_switch_after_the_verification_is_noticed(
    tmp_path: Path, waiting: tuple[Any, ...], answer: dict[str, Any], again: bool
) -> None:
    """What runs after it was verified by nobody: the host then waits for a verification that it had."""
    results = {step.title: WAITS for step in waiting}
    outcome = HostOutcome("wa-1", commit="1" * 40, results=dict(results))
    told = ""
    with (
        ssh_server(tmp_path, always=f"echo '{json.dumps(answer)}'") as (port, _),
        Connections() as connections,
    ):
        host = Host("wa-1", ("service",), {**GOOD, **a_host(tmp_path, port).settings})
        environment = Environment("lab", (host,))
        one = OneHost(environment, host, Run("id", "ada", ""), Progress().of("wa-1"), outcome)
        try:
            remove(one, connections)
        except OperatorError as error:
            told = str(error)
    assert ("switched again after its verification" in told) is again
    done = [] if again else [step.title for step in waiting]
    assert outcome.changed == done
    # Only then is the disk looked at, and this host can't show that it is clean.
    assert bool(outcome.verifications) is bool(done)
    assert outcome.kept == (REMOVED["due"] if done else [])
