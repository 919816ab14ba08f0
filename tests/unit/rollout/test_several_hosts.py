"""Several hosts at once: in which order, what a terminal shows, and what Ctrl-C leaves running."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.apply.one_host import failure_of
from rollout.deploys.runs import HostRun
from rollout.environment.environment import DATABASE, SERVICE, Environment, Host, batches

ROOT = Path(__file__).resolve().parents[3]
NAMES = st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=9)


def host(name: str, *groups: str, schema_host: str = "") -> Host:
    """A host of some groups."""
    return Host(name, groups, {"schema_host": schema_host})


@given(NAMES, st.integers(0, 3), st.integers(1, 4), st.data())
def test_databases_then_the_schema_host_alone_then_the_rest(
    names: list[str], databases: int, size: int, data: st.DataObject
) -> None:
    """The barrier shows a bad release while every other service still runs as before."""
    services = names[databases:]
    schema = data.draw(st.sampled_from(services)) if services else ""
    hosts = [
        host(name, DATABASE if name in names[:databases] else SERVICE, schema_host=schema)
        for name in names
    ]
    environment = Environment("lab", tuple(data.draw(st.permutations(hosts))))
    together = batches(environment.in_rollout_order(), size)
    assert sorted(one.name for batch in together for one in batch) == sorted(names)
    alone = [batch[0] for batch in together[: databases + bool(services)]]
    assert all(len(batch) == 1 for batch in together[: len(alone)])
    assert {one.name for one in alone[:databases]} == set(names[:databases])
    assert [one.name for one in alone[databases:]] == [schema][: len(services)]
    assert all(len(batch) == size for batch in together[len(alone) : -1])
    assert all(1 <= len(batch) <= size for batch in together)


AT_WORK = """
    import os, subprocess, time
    from rollout.processes.children import each, following

    def act(seconds):
        with subprocess.Popen(["sleep", seconds], start_new_session=True) as child, following(child):
            os.write(1, b"%d\\n" % child.pid)  # in one piece: two threads print
            child.wait()
"""
ALL_BEGUN = """
    each(["61", "62", "63"], act, 2)
"""
HANDED_OVER = """
    class Items(list):
        def __iter__(self):
            yield "61"
            time.sleep(60)
            yield "62"

    each(Items(["61", "62"]), act, 2)
"""


@pytest.mark.parametrize(
    ("interrupted", "begun"),
    [(ALL_BEGUN, 2), (HANDED_OVER, 1)],
    ids=["at work", "while they are handed over"],
)
def test_ctrl_c_ends_what_runs_and_begins_nothing_more(interrupted: str, begun: int) -> None:
    """A rollout that goes on in a child after Ctrl-C switches servers behind the operator's back."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(AT_WORK + interrupted)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(begun)]
        parent.send_signal(signal.SIGINT)
        more, errors = parent.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    assert more == ""
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


SHOWN = """
    import time
    from rollout.console import progress

    with progress() as shown:
        first, second = shown.of("wa-2"), shown.of("wa-3")
        first.step("Stage the release")
        second.step("Switch the service")
        first.detail("a detail")
        time.sleep(0.4)
        first.ended("done in 1.0 s")
        second.ended("FAILED in 1.0 s")
"""


def test_without_a_terminal_every_line_names_its_host() -> None:
    """In a log the lines of several hosts are mixed; one without a name says nothing."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SHOWN)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [re.sub(r"^ *[\d.]+ s  ", "", line) for line in done.stderr.splitlines()]
    assert lines == [
        "wa-2: Stage the release",
        "wa-3: Switch the service",
        "wa-2: done in 1.0 s",
        "wa-3: FAILED in 1.0 s",
    ]


def test_a_terminal_shows_each_host_in_a_line_of_its_own() -> None:
    """One line that all hosts overwrite shows none of them."""
    screen, keyboard = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SHOWN)],
        cwd=ROOT,
        stderr=keyboard,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(keyboard)
    said = b""
    while chunk := read(screen):
        said += chunk
    os.close(screen)
    assert child.wait() == 0
    text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", said).decode()
    assert re.search(r"wa-2: a detail *\r?\n *[\d.]+ s  wa-3: Switch the service", text)
    assert text.count("wa-3: FAILED in 1.0 s") == 1


def read(screen: int) -> bytes:
    """What a terminal got; nothing when the other side is closed, which Linux tells as an error."""
    try:
        return os.read(screen, 65536)
    except OSError:
        return b""


def test_a_host_that_went_away_is_told_as_that() -> None:
    """What noticed it first, some question about a file, sends an operator looking in the wrong place."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # it does not listen: connections are refused
        settings = {"ansible_host": "127.0.0.1", "ansible_port": bound.getsockname()[1]}
        gone = Host("wa-3", (SERVICE,), settings)
        run = HostRun("wa-3", step="Switch the service", failure="could not load fact")
        said = str(failure_of(gone, run))
    assert said.startswith("wa-3 (root@127.0.0.1) can't be reached: ")
    assert "went away at “Switch the service”" in said
    assert "ssh -o StrictHostKeyChecking=yes" in said
