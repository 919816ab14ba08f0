"""The shell through which every check looks at a host; here the same program on this machine."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.errors import OperatorError
from rollout.hosts import root_shell
from rollout.hosts.root_shell import AGENT, RootShell

REMEDY = "ssh o@wa-1 true"


@pytest.fixture(scope="module")
def shell() -> Iterator[RootShell]:
    """A shell without ssh and sudo before it."""
    with RootShell([sys.executable, "-u", "-c", AGENT], "wa-1", REMEDY) as found:
        yield found


def test_what_a_command_says_comes_back_whole(shell: RootShell) -> None:
    """A check judges exit code, output and errors; a mixed-up one would judge another command's."""
    done = shell.run(["sh", "-c", "printf out; printf err >&2; exit 3"], timeout=10)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out", b"err")
    big = shell.run(["head", "-c", "3000000", "/dev/zero"], timeout=10)
    assert len(big.stdout) == 3_000_000
    odd = "a b'c;$(id)\n"
    assert shell.run(["printf", "%s", odd], timeout=10).stdout == odd.encode()


@given(content=st.binary(max_size=300))
def test_standard_input_arrives_as_it_was(shell: RootShell, content: bytes) -> None:
    """Probes and secrets go by standard input; a lost byte is another secret."""
    assert shell.run(["cat"], stdin=content, timeout=10).stdout == content


def test_a_command_costs_little(shell: RootShell) -> None:
    """Hundreds of commands a host: at 190 ms each (testinfra's default) nobody verifies."""
    before = shell.commands
    assert 0 < shell.cost_ms() < 100, "this machine's own part, with room for a busy one"
    assert shell.commands == before, "the measurement is none of the suite's commands"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["sleep", "30"], "wa-1 took more than 0 s: sleep 30"),
        (["sh", "-c", "exec >&- 2>&-; sleep 30"], "wa-1 took more than 0 s: sh"),
        (["sh", "-c", "sleep 30; true"], "wa-1 took more than 0 s: sh"),
    ],
)
def test_a_command_that_hangs_is_ended(shell: RootShell, words: list[str], why: str) -> None:
    """What a host's user can hang must not hang a rollout, nor spoil the next question."""
    with pytest.raises(OperatorError, match=why):
        shell.run(words, timeout=0.3)
    assert shell.run(["printf", "on"], timeout=10).stdout == b"on"


def test_an_answer_without_end_is_ended(shell: RootShell) -> None:
    """Neither the host's memory nor the controller's may be filled by what its user made."""
    with pytest.raises(OperatorError, match=r"wa-1 said more than \d+ MiB: cat /dev/zero"):
        shell.run(["cat", "/dev/zero"], timeout=30)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 500 << 10
    assert shell.run(["printf", "on"], timeout=10).stdout == b"on"


def test_a_host_that_answers_no_more_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own deadline is of no use where the host itself is gone."""
    monkeypatch.setattr(root_shell, "GRACE", 0.2)
    with (
        RootShell(["sleep", "30"], "wa-1", REMEDY) as shell,
        pytest.raises(OperatorError, match="wa-1 did not answer within 0 s: true"),
    ):
        shell.run(["true"], timeout=0.2)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_command_has_that_users_rights_and_no_terminal(shell: RootShell) -> None:
    """What runs in that user's files must not be root's, nor reach the terminal of the operator."""
    script = (
        "import os; print(os.getuid(), os.getgroups(), os.getsid(0) == os.getpid(), os.getcwd())"
    )
    done = shell.run(["python3", "-I", "-c", script], timeout=10, user="nobody")
    assert done.stdout.split(b" [")[0] == b"65534", done.stderr
    assert done.stdout.endswith(b"True /\n")
    unknown = shell.run(["true"], timeout=10, user="nobody-at-all")
    assert unknown.returncode == 127
    assert b"nobody-at-all" in unknown.stderr


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
            shell.run(["true"], timeout=10)
        assert message in caught.value.message
        assert caught.value.remedy == REMEDY
        with pytest.raises(OperatorError) as later:
            shell.run(["true"], timeout=10)
        assert str(later.value) == str(caught.value)
