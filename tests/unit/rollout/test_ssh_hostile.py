"""ssh hands nothing of the operator's over, and takes no more than it can hold, or wait for."""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout.cli.render import told_once
from rollout.console import Progress
from rollout.deploys.runs import Deploy, run_deploys
from rollout.environment.environment import Environment, Host
from rollout.errors import OperatorError
from rollout.hosts import ssh
from rollout.hosts.ssh import Connections
from rollout.processes import bounded
from rollout.verify.checks import FAILED
from rollout.verify.verify import verify_hosts
from tests.unit.ssh_server import a_host

from ..good_settings import GOOD
from ..ssh_server import ADDRESS, READY, ssh_server

CONFIGURATION = """
Host *
    ForwardAgent yes
    ForwardX11 yes
    ForwardX11Trusted yes
    PermitLocalCommand yes
    LocalCommand touch {place}/local-command
    RemoteForward 9 127.0.0.1:9
    LocalForward {free} 127.0.0.1:9
    DynamicForward {other}
    SendEnv *
    SetEnv OPERATORS=own
    RequestTTY force
    StrictHostKeyChecking no
    NoHostAuthenticationForLocalhost yes
    Tunnel yes
"""


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An operator's own configuration of ssh, and an environment with secrets."""
    config = tmp_path / "operators"
    config.write_text(CONFIGURATION.format(place=tmp_path, free=18022, other=18023))
    monkeypatch.setattr(ssh, "OPERATORS", (str(config),))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("VAULT_PASSWORD", "secret")
    yield config


def test_nothing_of_the_operators_configuration_is_passed_on(
    tmp_path: Path, operators: Path
) -> None:
    """No agent, display, environment, port, terminal or local command: a session and its command."""
    with ssh_server(tmp_path) as (port, asked), Connections() as connections:
        done = connections.run(a_host(tmp_path, port), "echo done")
        assert (done.returncode, done.stdout) == (0, b"done\n")
    session = ["channel session", "env LC_ALL=C.UTF-8", "exec echo done"]
    assert asked == session
    assert not (tmp_path / "local-command").exists()


def test_what_the_operator_needs_still_works(tmp_path: Path, operators: Path) -> None:
    """The way there, its jump host, keys and pinned keys may be the operator's own settings."""
    with ssh_server(tmp_path) as (port, asked), Connections() as connections:
        operators.write_text(
            f"Host wa.internal jump\n HostName {ADDRESS}\n IdentityFile {tmp_path}/id\n"
            f" UserKnownHostsFile {tmp_path}/known_hosts\n Port {port}\n"
            f" ForwardAgent yes\n SendEnv *\nHost wa.internal\n ProxyJump p@jump\n"
        )
        plain = {"ansible_ssh_common_args": "", "ansible_ssh_private_key_file": None}
        host = a_host(tmp_path, port, ansible_host="wa.internal", **plain)
        assert connections.run(host, "echo done").stdout == b"done\n"
    session = ["channel session", "env LC_ALL=C.UTF-8", "exec echo done"]
    assert asked == ["channel direct-tcpip", *session]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("flood", "wa-1 .*said more than 64 MB"),
        ("drip", "wa-1 .*did not finish within 2 s"),
        ("silence", "wa-1 .*did not finish within 2 s"),
    ],
)
def test_a_host_that_never_ends_fails_alone_and_in_bounds(
    tmp_path: Path, answer: str, sentence: str
) -> None:
    """Bounded in memory and in time, and told in a sentence."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with ssh_server(tmp_path) as (port, _), Connections() as connections:
        with pytest.raises(OperatorError, match=sentence) as caught:
            connections.run(a_host(tmp_path, port), answer, timeout=60 if answer == "flood" else 2)
        assert caught.value.remedy.startswith("ssh ")
    assert time.monotonic() - began < 50
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < 6 * bounded.ANSWER_BYTES


def test_the_refused_key_and_the_unknown_host_key_are_told(tmp_path: Path) -> None:
    """By the real ssh, from a real server."""
    with ssh_server(tmp_path, refusing=True) as (port, _), Connections() as connections:
        with pytest.raises(OperatorError, match="refuses the login with") as refused:
            connections.run(a_host(tmp_path, port), "true")
        (tmp_path / "known_hosts").write_text("")
        with pytest.raises(OperatorError, match="no host key is pinned in") as unknown:
            connections.run(a_host(tmp_path, port), "true")
    assert refused.value.remedy.startswith("ssh ")
    assert unknown.value.remedy.startswith(f"ssh-keyscan -p {port} {ADDRESS} >>")


@pytest.mark.parametrize(
    ("always", "sentence"),
    [
        ("flood", "wa-1 .* said more than 64 MB"),
        ("echo sudo: a password is required >&2; exit 1", "wa-1: o may not use sudo"),
        (
            "echo sudo: 3 incorrect password attempts >&2; exit 1",
            "wa-1: o may not use sudo .* 3 inc",
        ),
        (
            "echo sudo: Ein Passwort ist notwendig >&2; exit 1",
            "wa-1: o may not use sudo .* Ein Pas",
        ),
        ("echo o ist nicht in der sudoers-Datei. >&2; exit 1", "wa-1: o may not use sudo"),
        ("sudo", "wa-1: there is no sudo"),
        (f"{READY} yes '' | head -n 100001", "wa-1 said more than 100000 lines"),
        ("true", "wa-1: .*"),
        (f"{READY} true", "wa-1: it did not answer"),
        ("printf '\\377{\\n{}\\n[[|||\\n'", "wa-1: .*"),
    ],
)
def test_pyinfra_reaches_a_hostile_host_in_the_same_way(
    tmp_path: Path, always: str, sentence: str
) -> None:
    """A plan of the real deploy ends with that host's failure in a sentence, in bounds."""
    with ssh_server(tmp_path, always=always) as (port, _):
        settings = {**GOOD, **a_host(tmp_path, port).settings}
        host = Host("wa-1", ("service",), settings)
        deploys = [Deploy(host, {}, lambda _: None)]
        (seen,) = run_deploys(Environment("lab", (host,)), deploys, dry=True, at_once=1)
    assert not seen.succeeded
    assert re.match(sentence, seen.failure), seen.failure
    assert "Traceback" not in seen.failure


def test_an_agent_that_ends_at_once_costs_one_attempt(tmp_path: Path) -> None:
    """A hundred checks of a host fail together, with one reason."""
    began = time.monotonic()
    with ssh_server(tmp_path, always="true") as (port, _):
        host = Host("wa-1", ("service",), {**GOOD, **a_host(tmp_path, port).settings})
        environment = Environment("lab", (host,))
        (found,) = verify_hosts(environment, [host], shown=Progress().of)
    failed = found.with_outcome(FAILED)
    assert len(failed) > 50
    assert time.monotonic() - began < 30
    (told,) = told_once(failed)
    assert told.reason.startswith("wa-1: the connection broke")


def test_a_warning_of_sudo_is_no_refusal(tmp_path: Path) -> None:
    """A command that failed by itself is told as that, whatever sudo said of the host's own name."""
    always = 'case "$SSH_ORIGINAL_COMMAND" in *:*) ;; *) echo sudo: wer ist wa-1 >&2; exit 1;; esac'
    with ssh_server(tmp_path, always=always) as (port, _), Connections() as connections:
        assert connections.run(a_host(tmp_path, port), "grep -q x y", sudo=True).returncode == 1
