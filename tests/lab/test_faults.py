"""The switch killed, the power cut and the database stalled in the middle of its rows: the same end.

`make test` takes the rows in which something is half done, `make soak` every line of the journal;
`tests/switch` kills at each of them as well, with a real PM2 on this machine.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from lab.fleet import hosts
from tests.instants import INSTANTS
from tests.lab import rig

EVERY_LINE = tuple(instant for instant in INSTANTS if not instant.endswith("put-back"))
KILLS = EVERY_LINE if rig.SOAK else ("done:active",)
POWER_CUTS = (
    ("rename:set-aside", "staged:imported", "start:healthy") if rig.SOAK else ("staged:imported",)
)


def finish_and_compare(undisturbed: dict[str, Any]) -> None:
    """The next rollout goes on from what the host ended itself; then all is as without the fault."""
    rig.wait_for_resume()
    applied = rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert rig.end_state() == undisturbed
    assert rig.service_reads() == [rig.MESSAGE, rig.MESSAGE]


@pytest.mark.parametrize("instant", KILLS)
def test_a_killed_switch_is_finished_by_the_next_rollout(
    at_staged: None, undisturbed: dict[str, Any], instant: str
) -> None:
    """A switch can die anywhere; what it leaves must never cost a key, nor the service."""
    rig.die_at(instant)
    assert rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST).returncode == 1
    finish_and_compare(undisturbed)


@pytest.mark.parametrize("instant", POWER_CUTS)
def test_after_a_power_cut_the_service_runs_and_the_rollout_finishes(
    at_staged: None, undisturbed: dict[str, Any], instant: str
) -> None:
    """Power returns before the operator does: the service must run by itself, on the right keys."""
    rig.die_at(instant)
    assert rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST).returncode == 1
    hosts.power_cut(rig.SERVICE_HOST)
    rig.wait_for_boot()
    went_on = instant == "start:healthy"
    assert rig.status(60)["provider"] == ("postgres" if went_on else "files")
    finish_and_compare(undisturbed)


RESUMED_WITHIN = 60
"""Seconds in which a host alone brings its service back, on a busy machine."""
JOURNAL, LOCK = "/var/lib/baileys-rollout/journal.jsonl", "/var/lib/baileys-rollout/lock"
ENDED_BY_ITSELF = (
    ("done:stopped", "staged:imported", "start:healthy") if rig.SOAK else ("done:stopped",)
)


STALLED_WITHIN = 115
"""The lab's `gate_limit_seconds` and three rehearsals, ten for the rows, and a start."""


def reached(mark: str, step: str) -> str:
    """Shell words that wait until a line of the switch's journal is on the disk."""
    line = f'"step": "{step}", "mark": "{mark}"'
    return f"until grep -qsF {shlex.quote(line)} {JOURNAL}; do sleep 0.01; done"


@contextmanager
def rolling_out() -> Iterator[subprocess.Popen[bytes]]:
    """A rollout under way; what is left of it at the end is killed."""
    command = [str(Path(sys.executable).parent / "rollout"), "apply", "lab", "--host", "wa-1"]
    with subprocess.Popen(command, cwd=rig.ROOT, start_new_session=True) as controller:
        try:
            yield controller
        finally:
            with suppress(ProcessLookupError):
                os.killpg(controller.pid, signal.SIGKILL)


@pytest.mark.parametrize("instant", ENDED_BY_ITSELF)
def test_a_killed_switch_is_ended_by_its_host_alone(
    at_staged: None, undisturbed: dict[str, Any], instant: str
) -> None:
    """Out of memory at night, the operator's machine asleep: nobody may have to look first."""
    rig.die_at(instant)
    with rolling_out():
        rig.sh(f"timeout 200 sh -c {shlex.quote(reached('intent', 'ready'))}")
    rig.sh(f"timeout 60 sh -c 'while [ -e {rig.DRILL} ]; do sleep 0.05; done'")
    began = time.monotonic()
    provider = "postgres" if instant == "start:healthy" else "files"
    while rig.sh(f"ls {JOURNAL} 2>/dev/null || true"):
        assert time.monotonic() - began < RESUMED_WITHIN
        time.sleep(0.2)
    print(f"{instant}: resumed after {time.monotonic() - began:.1f} s")
    assert rig.status(1)["provider"] == provider
    finish_and_compare(undisturbed)


@rig.only_in_soak
def test_the_old_version_runs_again_when_the_database_stalls(
    at_staged: None, undisturbed: dict[str, Any]
) -> None:
    """It accepts and says nothing more: the service was down for as long as that went on."""
    postgres = "pkill -{} -x -u postgres postgres"
    held = f'pid=$(python3 -c \'import json; print(json.load(open("{LOCK}"))["pid"])\')'
    try:
        with rolling_out():
            set_aside = shlex.quote(reached("intent", "set-aside"))
            rig.sh(f"timeout 200 sh -c {set_aside}; {held}; kill -STOP $pid")
            rig.sh(postgres.format("STOP"), host=rig.DATABASE_HOST)
            rig.sh(f"{held}; kill -CONT $pid")
            assert rig.status(STALLED_WITHIN)["provider"] == "files"
    finally:
        rig.sh(postgres.format("CONT"), host=rig.DATABASE_HOST)
    rig.sh("baileys-hostswitch resume || true")
    history = "/var/lib/baileys-rollout/history.jsonl"
    put_back = json.loads(rig.sh(f"grep '\"put back\"' {history} | tail -n 1"))
    print(put_back["why"], put_back["at_least_seconds_without_service"])
    assert put_back["at_least_seconds_without_service"] < STALLED_WITHIN
    finish_and_compare(undisturbed)
