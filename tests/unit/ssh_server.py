"""An SSH server on loopback that notes all that a client wants of it, and may be a hostile one."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from rollout.environment.environment import Host

ADDRESS = "127.0.0.1"
LINE = b"x" * 65535 + b"\n"


class Server(paramiko.ServerInterface):
    """Lets everybody with a key in; runs commands here, but for the hostile ones.

    ``flood`` says lines without end, ``drip`` a byte now and then, ``silence`` nothing at all.
    """

    def __init__(self, asked: list[str], refusing: bool, always: str) -> None:
        self.asked = asked
        self.refusing = refusing
        self.always = always
        self.targets: dict[int, tuple[str, int]] = {}

    def get_allowed_auths(self, username: str) -> str:
        """Keys only."""
        return "publickey"

    def check_auth_publickey(self, username: str, key: Any) -> int:
        """Any key, or none."""
        return AUTH_FAILED if self.refusing else AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        """Any channel."""
        self.asked.append(f"channel {kind}")
        return OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(self, chanid: int, origin: Any, target: Any) -> int:
        """On to the next host: this one is a jump host."""
        self.asked.append("channel direct-tcpip")
        self.targets[chanid] = target
        return OPEN_SUCCEEDED

    def check_channel_env_request(self, channel: Any, name: bytes, value: bytes) -> bool:
        """Any variable."""
        self.asked.append(f"env {name.decode()}={value.decode()}")
        return True

    def check_channel_forward_agent_request(self, channel: Any) -> bool:
        """The agent, with thanks."""
        self.asked.append("agent")
        return True

    def check_channel_x11_request(self, *_: Any) -> bool:
        """The display."""
        self.asked.append("x11")
        return True

    def check_channel_pty_request(self, *_: Any) -> bool:
        """A terminal."""
        self.asked.append("pty")
        return True

    def check_port_forward_request(self, address: str, port: int) -> int:
        """A port of this side that leads to the other."""
        self.asked.append(f"remote port {port}")
        return port

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        """A command."""
        self.asked.append(f"exec {command.decode()}")
        threading.Thread(
            target=run, args=(channel, self.always or command.decode(), command), daemon=True
        ).start()
        return True


# Before what a server always runs: it answers the login's question first.
READY = 'case "$SSH_ORIGINAL_COMMAND" in *"echo ready"*) echo ready; exit;; esac; '


def run(channel: Any, command: str, asked: bytes) -> None:
    """Answer one command."""
    word = command.rsplit(" ", 1)[-1]
    with suppress(OSError):
        if word in ("flood", "drip", "silence"):
            for _ in itertools.count():
                if word == "flood":
                    channel.sendall(LINE)
                else:
                    channel.sendall(b"x" if word == "drip" else b"")
                    time.sleep(0.05)
                    if channel.closed:
                        return
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "SSH_ORIGINAL_COMMAND": asked.decode()[:1000]},
            capture_output=True,
            check=False,
        )
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        channel.send_exit_status(done.returncode)
        channel.close()


def relay(transport: Any, server: Server) -> None:
    """Join each channel that leads on with the host where it leads."""
    while transport.is_active():
        channel = transport.accept(1)
        if channel is not None and channel.get_id() in server.targets:
            onward = socket.create_connection(server.targets[channel.get_id()])
            for come, gone in ((channel, onward), (onward, channel)):
                threading.Thread(target=pump, args=(come, gone), daemon=True).start()


def pump(come: Any, gone: Any) -> None:
    """All that comes on one side, to the other."""
    with suppress(OSError):
        while data := come.recv(65536):
            gone.sendall(data)
    gone.close()


@contextmanager
def ssh_server(
    place: Path, *, refusing: bool = False, always: str = ""
) -> Iterator[tuple[int, list[str]]]:
    """A server with a key of its own; its port, and what it is asked as it comes.

    Args:
        place: where the files of a client go: ``id``, a key that may log in, and ``known_hosts``.
        refusing: nobody may log in.
        always: what it runs whatever it is told to; empty for that.
    """
    key = paramiko.RSAKey.generate(2048)
    paramiko.RSAKey.generate(2048).write_private_key_file(str(place / "id"))
    asked: list[str] = []
    with socket.create_server((ADDRESS, 0)) as listening:
        port = int(listening.getsockname()[1])
        pinned = f"[{ADDRESS}]:{port} {key.get_name()} {key.get_base64()}\n"
        (place / "known_hosts").write_text(pinned)
        transports: list[Any] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    transport = paramiko.Transport(listening.accept()[0])
                    transport.add_server_key(key)
                    transports.append(transport)
                    with suppress(paramiko.SSHException, EOFError):
                        server = Server(asked, refusing, always)
                        transport.start_server(server=server)
                        threading.Thread(
                            target=relay, args=(transport, server), daemon=True
                        ).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield port, asked
        finally:
            # Closed alone, it would answer once more, with its old key: its thread still waits for a client.
            listening.shutdown(socket.SHUT_RDWR)
            for transport in transports:
                transport.close()


def a_host(place: Path, port: int, **settings: Any) -> Host:
    """The server as a host of an inventory."""
    connection = {
        "ansible_host": ADDRESS,
        "ansible_user": "o",
        "ansible_port": port,
        "ansible_ssh_private_key_file": str(place / "id"),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={place}/known_hosts",
    }
    return Host("wa-1", ("service",), {**connection, **settings})
