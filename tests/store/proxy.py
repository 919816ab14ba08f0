"""A TCP proxy in front of the test's PostgreSQL that can be told to cut a connection, or to stall."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from types import TracebackType

# The protocol's Terminate: whoever sends it has all that was asked for.
_GOODBYE = b"X\0\0\0\4"


class Proxy:
    """Forwards to the server, until a marker goes by. Use in ``with``.

    Args:
        settings: connection settings of the server; its host is the directory of its socket.
    """

    def __init__(self, settings: dict[str, str]) -> None:
        self._server = f"{settings['host']}/.s.PGSQL.5432"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._marker: bytes | None = None
        self._down = False
        self.settings = {
            **settings,
            "host": "127.0.0.1",
            "port": str(self._listener.getsockname()[1]),
            "sslmode": "disable",
        }
        self.cuts = 0
        self.sent = 0
        self._cut_at = 0
        self.stalled = False
        self._stall_marker: bytes | None = None
        self._stall_after = 0
        self._hangs_up = False

    def cut_at(self, number: int) -> None:
        """Cut when the client sends for the n-th time, counted from now: it never arrives."""
        self.sent, self._cut_at = 0, number

    def cut_after_commit(self) -> None:
        """Cut once the client has sent COMMIT: the server does it, its answer never arrives."""
        self._marker = b"COMMIT\0"

    def stay_down(self) -> None:
        """After the next cut, refuse every connection, as a server that is gone does."""
        self._down = True

    def stall_at(self, marker: bytes, number: int = 1) -> None:
        """From the n-th time that a client sends this on: all is accepted and nothing answered.

        That time included: it never arrives. New connections are no better.
        """
        self._stall_marker, self._stall_after = marker, number

    def cut_at_marker(self, marker: bytes, number: int) -> None:
        """Cut when a client sends this for the n-th time: it never arrives. New connections are well."""
        self.stall_at(marker, number)
        self._hangs_up = True

    def go_on(self) -> None:
        """Answer new connections again."""
        self.stalled = False

    def _stalls(self, data: bytes) -> bool:
        if self._stall_marker and self._stall_marker in data:
            self._stall_after -= 1
            if self._stall_after == 0:
                self._stall_marker, self.stalled = None, True
        return self.stalled

    def __enter__(self) -> Proxy:
        self._accepting.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Woken and waited for: it would take connections of the next proxy, which is given the
        # same file descriptor.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._down and self.cuts:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            if self.stalled:
                _swallow(client)
                return
            server.connect(self._server)
            with contextlib.suppress(OSError):
                while self._pass_on(client, server):
                    pass

    def _pass_on(self, client: socket.socket, server: socket.socket) -> bool:
        ready, _, _ = select.select([client, server], [], [])
        for source in ready:
            data = source.recv(65536)
            if not data:
                return False
            if source is client and self._stalls(data):
                if self._hangs_up:
                    self.stalled = False
                else:
                    _swallow(client)
                return False
            if source is client and data != _GOODBYE:
                self.sent += 1
                if self.sent == self._cut_at:
                    self.cuts += 1
                    return False
            if source is client and self._marker and self._marker in data:
                self._marker = None
                server.sendall(data)
                # Its answer is waited for, so that the server has really done it.
                server.recv(65536)
                self.cuts += 1
                return False
            (server if source is client else client).sendall(data)
        return True


def _swallow(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while client.recv(65536):
            pass
