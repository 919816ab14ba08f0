"""Ctrl-C and SIGTERM in the middle of a switch: said so, and the journal ends it like any other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from hostswitch.journal import read

from .test_switch import assert_after, assert_before
from .world import SERVICE, World


@pytest.mark.parametrize(
    ("instant", "number"),
    [("intent:stopped", signal.SIGTERM), ("intent:healthy", signal.SIGINT)],
    ids=["while it stops", "at the gate"],
)
def test_a_switch_is_told_to_end(world: World, instant: str, number: signal.Signals) -> None:
    """The service may be down: whoever pressed Ctrl-C must be told, and told what ends it."""
    files = world.files()
    code, said, result = told_to_end(world, instant, number)
    assert code == 128 + number, said
    assert "Traceback" not in said
    assert result["outcome"] == "interrupted"
    assert result["error"].startswith(f"interrupted ({number.name}). A switch was begun")
    assert result["error"] in said and "baileys-hostswitch resume" in said
    code, result = world.hostswitch("resume")
    if instant == "intent:healthy":
        assert (code, result["outcome"]) == (0, "switched")
        assert_after(world, files)
    else:
        assert (code, result["outcome"]) == (4, "put back")
        assert_before(world, files)


def told_to_end(
    world: World, instant: str, number: signal.Signals
) -> tuple[int, str, dict[str, Any]]:
    """Switch, and send a signal once a line is in the journal; exit code, progress, result."""
    started = subprocess.Popen(
        [*world.program(), "switch"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=SERVICE.parents[3],
        # Where the tests run in the background, Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert started.stdin
    started.stdin.write(json.dumps(world.plan()).encode())
    started.stdin.close()
    started.stdin = None
    journal = world.state / "journal.jsonl"
    give_up = time.monotonic() + 60
    while instant not in [entry.instant for entry in read(journal)]:
        assert time.monotonic() < give_up and started.poll() is None
        time.sleep(0.002)
    # nsenter itself waits for the program.
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text()
    os.kill(int(children), number)
    told, said = started.communicate(timeout=60)
    return started.returncode, said.decode(), json.loads(told.splitlines()[-1])
