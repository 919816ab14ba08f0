"""Asks PM2's daemon on its own socket, as the program `pm2` does, without a start of Node.js.

A start of `pm2` takes 0.4 s of processor time, a question on the socket a few milliseconds. The
protocol is PM2's own (its modules pm2-axon-rpc and pm2-axon; npm's amp and amp-message), the same
since 2014: a message is a byte with version 1 and the number of parts, then each part with its length
in four bytes. A part is `j:` and JSON, or `s:` and text. The last part is the request's name, which
the answer repeats.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from io import BufferedReader
from pathlib import Path
from typing import Any

from hostswitch.base.answer import incoming, understood
from hostswitch.base.errors import HostError
from sessionstore.disk.opening import closing
from sessionstore.errors import printable

_VERSION = 1
_LARGEST = 16 << 20
_CONNECT_SECONDS = 5.0
_AGAIN = 0.05
_NAME = b"s:hostswitch:0"


class Pm2DaemonError(HostError):
    """PM2's daemon does not answer, or says that it can't."""


def call(home: Path, uid: int, method: str, *arguments: Any, seconds: float) -> Any:
    """Have this user's daemon do something; nothing is sent to another's process. Raises Pm2DaemonError."""
    request = _packed({"type": "call", "method": method, "args": list(arguments)})
    end = time.monotonic() + seconds
    try:
        with _connected(home, uid) as connection:
            connection.sendall(request)
            answer = _answer(incoming(connection, end, _LARGEST))
    except (OSError, ValueError) as error:
        raise Pm2DaemonError(
            f"PM2's daemon did not answer {method} on {home}/rpc.sock ({error}). As the service's "
            f"user: pm2 ls"
        ) from None
    if "error" in answer:
        raise Pm2DaemonError(f"PM2's daemon refused {method}: {printable(str(answer['error']))}")
    found = answer.get("args")
    return found[0] if isinstance(found, list) and found else None


def _connected(home: Path, uid: int) -> socket.socket:
    """A daemon that is just starting gets a moment to listen."""
    end = time.monotonic() + _CONNECT_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(_CONNECT_SECONDS)
            _connect(connection, home)
            _demand_owner(connection, uid)
            return connection
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(_AGAIN)
        except BaseException:
            connection.close()
            raise


def _connect(connection: socket.socket, home: Path) -> None:
    # By way of the directory's descriptor: a socket's path must be shorter than 108 bytes.
    with closing(os.open(home, os.O_PATH | os.O_DIRECTORY)) as directory:
        connection.connect(f"/proc/self/fd/{directory}/rpc.sock")


def _demand_owner(connection: socket.socket, uid: int) -> None:
    """Whoever can write in PM2's directory can put another's socket there: root talks to none."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _, owner, _ = struct.unpack("iII", credentials)
    if owner != uid:
        raise PermissionError(f"a process of user {owner} listens there, not one of user {uid}")


def _packed(request: Any) -> bytes:
    parts = [b"j:" + json.dumps(request).encode(), _NAME]
    head = bytes([_VERSION << 4 | len(parts)])
    return head + b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _answer(stream: BufferedReader) -> dict[str, Any]:
    (head,) = _read(stream, 1)
    if head >> 4 != _VERSION:
        raise ValueError(f"version {head >> 4} of its protocol is not known")
    parts = [_read(stream, *struct.unpack(">I", _read(stream, 4))) for _ in range(head & 0xF)]
    if parts[-1:] != [_NAME]:
        raise ValueError("it answered another question")
    found = understood(parts[0].removeprefix(b"j:"))
    if not isinstance(found, dict):
        raise ValueError("its answer is no object")
    return found


def _read(stream: BufferedReader, length: int) -> bytes:
    if length > _LARGEST:  # not even room is made for it
        raise ValueError("it is too large")
    found = stream.read(length)
    if len(found) < length:
        raise ConnectionError("it hung up")
    return found
