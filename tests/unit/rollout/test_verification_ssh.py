"""SSH to hosts: strict whatever the inventory says, and errors that an operator can act on."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from rollout.environment.environment import Host
from rollout.errors import OperatorError
from rollout.hosts.ssh import Connections, unreachable
from tests.ports import free_port

ADDRESS = "127.0.0.1"


def a_host(**settings: Any) -> Host:
    """A host with connection settings."""
    return Host("wa-1", ("service",), {"ansible_host": ADDRESS, "ansible_user": "o", **settings})


def test_the_host_key_check_can_not_be_loosened() -> None:
    """ssh takes the first value it meets, so ours stand before the inventory's."""
    with Connections() as connections:
        words = connections.options(
            a_host(ansible_ssh_common_args="-o StrictHostKeyChecking=no -o ProxyJump=gate")
        )
    assert words.index("StrictHostKeyChecking=yes") < words.index("StrictHostKeyChecking=no")
    assert "ProxyJump=gate" in words
    assert "BatchMode=yes" in words


def test_sockets_are_private_and_short(tmp_path: Path) -> None:
    """Whoever may open a shared connection's socket may use the host; long paths can't be bound."""
    with Connections() as connections:
        path = connections.control_path(a_host())
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert len(str(path)) < 100
        assert connections.control_path(a_host(ansible_port=2222)) != path
    assert not path.parent.exists()
    long = tmp_path / ("d" * 80)
    long.mkdir()
    with Connections(long) as connections, pytest.raises(OperatorError, match="too long"):
        connections.control_path(a_host())


def test_an_unreachable_host_is_named_with_the_command_that_tries_it() -> None:
    """A refused connection is one sentence and a command, from the real ssh."""
    host = a_host(ansible_port=free_port())
    with Connections() as connections, pytest.raises(OperatorError) as caught:
        connections.run(host, "true")
    assert "wa-1 (o@127.0.0.1) can't be reached" in caught.value.message
    assert "Connection refused" in caught.value.message
    assert caught.value.remedy == (
        f"ssh -o StrictHostKeyChecking=yes -p {host.port} o@127.0.0.1 true"
    )


@pytest.mark.parametrize(
    ("said", "message", "remedy"),
    [
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "another host key", "keygen"),
        ("No ED25519 host key is known for x\nHost key verification failed.", "no host", "keyscan"),
        ("o@x: Permission denied (publickey).", "refuses the login with /keys/id", "ssh -o"),
        ("ssh: Could not resolve hostname x", "can't be reached: ssh: Could not", "ssh -o"),
        ("", "can't be reached: the connection broke", "ssh -o"),
    ],
)
def test_what_ssh_says_becomes_a_remedy(said: str, message: str, remedy: str) -> None:
    """Each way of not reaching a host has its own remedy."""
    host = a_host(ansible_ssh_private_key_file="/keys/id")
    error = unreachable(host, said)
    assert message in error.message
    assert remedy in error.remedy
