"""SIGTERM to `rollout` on the controller (a CI that gives up, a shutdown): it ends as by Ctrl-C."""

from __future__ import annotations

import json
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
from rollout.processes import checkout_lock
from rollout.processes.checkout_lock import only_one

from ..ssh_server import READY, ssh_server
from .trial import declare, run

MARK = "ROLLOUT_TEST_RUN"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, TERMINATED), (signal.SIGINT, CTRL_C), (signal.SIGHUP, 129)],
    ids=["SIGTERM", "Ctrl-C", "terminal closed"],
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
            [sys.executable, "-m", "rollout.cli.main", "apply", "trial"],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "ROLLOUT_VAULT_PASSWORD_FILE": str(project / "password"),
                MARK: mark,
            },
            preexec_fn=as_in_a_terminal,  # noqa: PLW1509
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


IN_A_STEP = "*useradd*) touch hangs; sleep 20;;"
# The `true` of a host that is asked whether it went away: after steps were done, and no sooner.
BEING_ENDED = "*useradd*) touch began; exit 1;; true) test -e began && touch hangs && sleep 9;;"


@pytest.mark.parametrize(
    ("hanging", "pauses"),
    [(IN_A_STEP, []), (IN_A_STEP, [0.001]), (BEING_ENDED, [1.0])],
    ids=["in a step", "in a step, told twice at once", "while it is being ended, told twice"],
)
def test_an_interrupted_rollout_keeps_its_report(
    project: Path, tmp_path: Path, hanging: str, pauses: list[float]
) -> None:
    """What was done until then, on which host, and who is untouched; whoever reads progress is gone.

    A terminal that closes tells twice: its shell does, and the kernel.
    """
    declare(project, {"group_vars/all/order.yml": "schema_host: wa-1\n"})
    hangs = tmp_path / "hangs"
    # A host that agrees to everything, until its first step has been done.
    always = f'{READY} cd {tmp_path}; case "$SSH_ORIGINAL_COMMAND" in {hanging} esac'
    place = tmp_path / "server"
    place.mkdir()
    with ssh_server(place, always=always) as (port, _):
        way = {
            "ansible_port": port,
            "ansible_ssh_private_key_file": f"{place}/id",
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={place}/known_hosts",
        }
        hosts = {
            f"wa-{number}": {
                **way,
                "ansible_host": f"127.0.0.{number}",
                "companies": [f"96230{number}"],
            }
            for number in (1, 2)
        }
        groups = {"trial": {"children": {"service": {"hosts": hosts}}}}
        (project / "inventory/trial.yml").write_text(json.dumps({"all": {"children": groups}}))
        with subprocess.Popen(
            [sys.executable, "-m", "rollout.cli.main", "apply", "trial", "--json"],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "ROLLOUT_VAULT_PASSWORD_FILE": str(project / "password")},
            preexec_fn=as_in_a_terminal,  # noqa: PLW1509
        ) as child:
            assert child.stderr and child.stdout
            child.stderr.readline()
            child.stderr.close()
            until = time.monotonic() + 60
            while not hangs.exists():
                assert child.poll() is None and time.monotonic() < until, child.stdout.read()
                time.sleep(0.05)
            child.send_signal(signal.SIGHUP)
            for pause in pauses:
                time.sleep(pause)
                child.send_signal(signal.SIGHUP)
            shown = json.loads(child.stdout.read())
    # The second signal may also find the command with its report written, and end it: 129 to a shell.
    assert child.returncode in (129, -signal.SIGHUP)
    kept = project / f".rollout/reports/{shown['rollout_id']}.trial.json"
    report = json.loads(kept.read_text())
    (host,) = report["hosts"]
    assert (host["host"], report["untouched"]) == ("wa-1", ["wa-2"])
    assert host["failure"].startswith("wa-1: interrupted")
    assert host["changed"], "a step was done"
    assert not report["succeeded"]


def test_of_two_rollouts_at_once_the_second_is_told_before_it_stages(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that stage in turn leave files of both; the host's own lock is asked by the switch only."""
    declare(project, {})
    monkeypatch.setattr(checkout_lock, "LOCKS", project / ".rollout")
    with only_one("rollout of wa-1 in trial", "alice"):
        done = run(project, "rollout.cli.main", "apply", "trial", "--json")
    (host,) = json.loads(done.stdout)["hosts"]
    assert done.returncode == 1
    assert f"is under way (alice, process {os.getpid()}); nothing was changed" in host["failure"]
    assert "can't be reached" not in host["failure"], "its host was asked"


def as_in_a_terminal() -> None:
    """Ctrl-C is ignored where the tests run in the background, SIGHUP after a test of the host program."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
