"""The shell through which every check looks at a host; here the same program on this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.errors import OperatorError
from rollout.root_shell import AGENT, RootShell

REMEDY = "ssh o@wa-1 true"


@pytest.fixture(scope="module")
def shell() -> Iterator[RootShell]:
    """A shell without ssh and sudo before it."""
    with RootShell([sys.executable, "-u", "-c", AGENT], "wa-1", REMEDY) as found:
        yield found


def test_what_a_command_says_comes_back_whole(shell: RootShell) -> None:
    """A check judges exit code, output and errors; a mixed-up one would judge another command's."""
    done = shell.run("printf out; printf err >&2; exit 3", timeout=10)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out", b"err")
    big = shell.run("head -c 3000000 /dev/zero", timeout=10)
    assert len(big.stdout) == 3_000_000
    assert shell.run(["printf", "%s", "a b'c"], timeout=10).stdout == b"a b'c"


@given(content=st.binary(max_size=300))
def test_standard_input_arrives_as_it_was(shell: RootShell, content: bytes) -> None:
    """Probes and secrets go by standard input; a lost byte is another secret."""
    assert shell.run("cat", stdin=content, timeout=10).stdout == content


def test_a_command_costs_little(shell: RootShell) -> None:
    """Hundreds of commands a host: at 190 ms each (testinfra's default) nobody verifies."""
    before = shell.commands
    assert 0 < shell.cost_ms() < 100, "this machine's own part, with room for a busy one"
    assert shell.commands == before, "the measurement is none of the suite's commands"


def test_a_command_that_hangs_is_an_error() -> None:
    """A host that answers no more must not hang a rollout."""
    with (
        RootShell([sys.executable, "-u", "-c", AGENT], "wa-1", REMEDY) as shell,
        pytest.raises(OperatorError, match=r"wa-1 did not finish within 0 s: exec sleep 30"),
    ):
        shell.run("exec sleep 30", timeout=0.2)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("echo sudo: python3: command not found >&2; exit 1", "there is no python3"),
        ("echo Connection closed by remote host >&2; exit 255", "Connection closed by remote host"),
        ("exit 255", "the connection broke"),
        ("echo nonsense; sleep 5", "the connection broke"),
    ],
)
def test_a_shell_that_does_not_start_says_why(program: str, message: str) -> None:
    """No python3, no sudo, no connection: each is one sentence with the login to try."""
    with RootShell(["sh", "-c", program], "wa-1", REMEDY) as shell:
        with pytest.raises(OperatorError) as caught:
            shell.run("true", timeout=10)
        assert message in caught.value.message
        assert caught.value.remedy == REMEDY
