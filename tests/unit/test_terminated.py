"""SIGTERM to `rollout` on the controller (a CI that gives up, a shutdown): it ends as by Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from rollout.interrupts import CTRL_C, TERMINATED

from .test_settings_files import declare, project

__all__ = ["project"]
MARK = "ROLLOUT_TEST_RUN"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, TERMINATED), (signal.SIGINT, CTRL_C)],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_told_to_end_while_the_engine_is_at_work(
    project: Path, number: signal.Signals, code: int
) -> None:
    """An engine that goes on in its children switches servers behind the operator's back."""
    declare(project, {})
    inventory = project / "inventory/trial.yml"
    mark = uuid.uuid4().hex
    with socket.create_server(("127.0.0.1", 0)) as host:
        port = host.getsockname()[1]
        inventory.write_text(
            inventory.read_text().replace("ansible_port: 1", f"ansible_port: {port}")
        )
        with subprocess.Popen(
            [sys.executable, "-m", "rollout.cli", "apply", "trial"],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "ROLLOUT_VAULT_PASSWORD_FILE": str(project / "password"),
                MARK: mark,
            },
            # Where the tests run in the background, Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        ) as child:
            host.settimeout(60)
            asked, _ = host.accept()  # and never answered: a host that hangs
            with asked:
                assert len(marked(mark)) > 1, "nobody is at work for it"
                began = time.monotonic()
                child.send_signal(number)
                said = child.communicate(timeout=30)
                took = time.monotonic() - began
    assert child.returncode == code
    assert "Interrupted. What a host's switch had begun goes on by itself" in said[1]
    assert "Traceback" not in said[1]
    assert not marked(mark), "a child goes on"
    assert took < 8, "the host that hangs was waited for"


def marked(mark: str) -> list[int]:
    """The processes that were started, by the mark in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found
