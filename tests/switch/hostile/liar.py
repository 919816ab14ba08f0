"""Runs as the service's user in the place of PM2's daemon and of the service: says what it is told.

Arguments: PM2_HOME, the status port, a JSON file with `apps`, `status` and `at_stop`, and a title that passes
for the daemon's. An answer of null never ends; `at_stop` is a shell's, run once when an app is to be stopped.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

STOPPING = ("stopProcessId", "deleteProcessId")
METHODS = ("getMonitorData", "prepare", "getVersion", "ping", *STOPPING)


def served(listening: socket.socket, answer: Any) -> None:
    """Answer every connection, each in a thread of its own."""
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_one, args=(connection, answer), daemon=True).start()


def _one(connection: socket.socket, answer: Any) -> None:
    try:
        answer(connection)
    except (OSError, struct.error, IndexError, ValueError):
        connection.close()


def flood(connection: socket.socket) -> None:
    """Say something for ever."""
    while True:
        connection.sendall(b"[" * 65536)


def pm2(apps: Any, at_stop: str, web: socket.socket) -> Any:
    """Answer as PM2's daemon does (hostswitch/pm2/rpc.py tells the protocol)."""

    def answer(connection: socket.socket) -> None:
        reading = connection.makefile("rb")
        while head := reading.read(1):
            parts = [
                reading.read(*struct.unpack(">I", reading.read(4))) for _ in range(head[0] & 15)
            ]
            if apps is None:
                connection.sendall(bytes([1 << 4 | 2]) + struct.pack(">I", 60 << 20))
                flood(connection)
            asked = json.loads(parts[0][2:])
            if asked.get("method") in STOPPING:
                while apps:
                    os.kill(apps.pop()["pid"], signal.SIGKILL)
                    web.shutdown(socket.SHUT_RDWR)
                    web.close()
                    subprocess.run(["/bin/sh", "-c", at_stop], check=False)
            methods = {name: {"name": name, "params": []} for name in METHODS}
            said = {"methods": methods} if asked.get("type") == "methods" else {"args": [apps]}
            reply = [b"j:" + json.dumps(said).encode(), parts[-1]]
            connection.sendall(bytes([1 << 4 | len(reply)]))
            for part in reply:
                connection.sendall(struct.pack(">I", len(part)) + part)

    return answer


def http(status: Any) -> Any:
    """Answer every request with the same JSON."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        if status is None:
            flood(connection)
        connection.sendall(json.dumps(status).encode())
        connection.close()

    return answer


def main() -> None:
    """Listen on both, and say that the daemon is here."""
    home, port, file = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    lies = json.loads(file.read_text())
    web = socket.create_server(("127.0.0.1", port))
    os.chdir(home)
    local = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    local.bind("rpc.sock")
    local.listen()
    pid_file = home / "pm2.pid"
    pid_file.write_text(str(os.getpid()))
    threading.Thread(target=served, args=(web, http(lies["status"])), daemon=True).start()
    print(flush=True)
    served(local, pm2(lies["apps"], lies["at_stop"], web))


main()
