"""What this program says to PM2's daemon goes to that daemon and to nobody else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hostswitch.pm2 import rpc


def test_another_users_socket_is_told_nothing(tmp_path: Path) -> None:
    """Whoever may write in PM2's directory could put a socket there; root must not talk to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "rpc.sock"))
        server.listen()
        with pytest.raises(rpc.Pm2DaemonError, match="a process of user"):
            rpc.call(tmp_path, os.geteuid() + 1, "getMonitorData", {}, seconds=1)
        heard, _ = server.accept()
        with heard:
            heard.settimeout(1)
            assert heard.recv(1) == b""
