"""Hosts in processes of their own, forked from one: each has its own end, and none outlives the command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

from rollout.deploys.runs import Deploy, run_deploys
from rollout.environment.environment import Environment, Host, handed_over, taken_over
from rollout.processes.forked import run_forked
from rollout.secret import Secret

ROOT = Path(__file__).resolve().parents[3]


def test_each_act_has_an_exit_code_of_its_own() -> None:
    """One host's crash must neither end nor excuse another's."""

    def killed() -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def broken() -> int:
        raise RuntimeError("no such thing")

    assert run_forked([lambda: 0, broken, killed, lambda: 3], 2) == [0, 1, -9, 3]


def test_no_more_at_once_than_was_asked_for(tmp_path: Path) -> None:
    """A hundred hosts at once would be a hundred processes on this machine."""

    def act(number: int) -> int:
        (tmp_path / f"{number}").touch()
        seen = len(list(tmp_path.iterdir()))
        time.sleep(0.2)
        (tmp_path / f"{number}").unlink()
        return seen

    assert max(run_forked([partial(act, number) for number in range(5)], 2)) == 2


INTERRUPTED = """
    import os, subprocess, sys
    from rollout.processes.children import following
    from rollout.processes.children import each

    FORKS = "import os, time; os.write(1, b'%d\\\\n' % os.fork()); time.sleep(60)"

    def act(_):
        words = [sys.executable, "-c", FORKS]
        with subprocess.Popen(words, start_new_session=True) as child, following(child):
            child.wait()

    each([1], act, 1)
"""


def test_ctrl_c_ends_what_a_child_forked() -> None:
    """The process that rolls a host out is a fork of the engine; alone it would go on."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        forked = max(int(parent.stdout.readline()) for _ in range(2))
        parent.send_signal(signal.SIGINT)
        parent.wait(timeout=20)
    until = time.monotonic() + 10
    while Path(f"/proc/{forked}/exe").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{forked}/exe").exists()


def test_an_environment_arrives_as_it_was_loaded() -> None:
    """What was checked is what is rolled out; a secret stays one on the way."""
    host = Host("wa-1", ("lab", "service"), {"companies": ["1"], "key": Secret("correct horse")})
    (there,) = taken_over(handed_over(Environment("lab", (host,)))).hosts
    assert (there.name, there.groups) == (host.name, host.groups)
    assert there.settings["companies"] == ["1"]
    assert there.settings["key"].reveal() == "correct horse"


def test_each_host_of_one_engine_tells_its_own_failure() -> None:
    """“Something failed somewhere” sends an operator to the wrong server."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # it does not listen: connections are refused
        settings = {"ansible_host": "127.0.0.1", "ansible_port": bound.getsockname()[1]}
        hosts = tuple(Host(name, ("service",), settings) for name in ("wa-1", "wa-2"))
        deploys = [Deploy(host, {}, lambda _: None) for host in hosts]
        runs = run_deploys(Environment("lab", hosts), deploys, dry=True, at_once=2)
    assert [run.host for run in runs] == ["wa-1", "wa-2"]
    assert not any(run.succeeded for run in runs)
    assert all("refused" in run.failure or "connect" in run.failure.lower() for run in runs)
