"""A database's certificate authority is tried before it is staged: over TLS, from memory."""

from __future__ import annotations

import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sessionstore.database.connection import connect
from sessionstore.errors import DatabaseUnreachable
from tests.postgres import running_server


def self_signed(directory: Path, name: str) -> tuple[Path, Path]:
    key, certificate = directory / f"{name}.key", directory / f"{name}.crt"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    new = ("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", *subject)
    subprocess.run([*new, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return key, certificate


@contextmanager
def in_tls(key: Path, certificate: Path, socket_path: str) -> Iterator[int]:
    """A server's socket behind TLS, as PostgreSQL itself begins it; gives the port.

    The server from PyPI is built without.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Front(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            assert len(self.request.recv(8, socket.MSG_WAITALL)) == 8  # SSLRequest
            self.request.sendall(b"S")
            with (
                suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as client,
                socket.socket(socket.AF_UNIX) as server,
            ):
                server.connect(socket_path)
                back = threading.Thread(target=_carry, args=(server, client), daemon=True)
                back.start()
                _carry(client, server)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Front) as front:
        front.daemon_threads = True
        threading.Thread(target=front.serve_forever, daemon=True).start()
        yield front.server_address[1]
        front.shutdown()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)


def test_only_the_authority_that_signed_is_believed(tmp_path: Path) -> None:
    """A wrong one was written over the running service's, which could then not start again."""
    key, certificate = self_signed(tmp_path, "right")
    _, wrong = self_signed(tmp_path, "wrong")
    missing = tmp_path / "not-staged.crt"
    with (
        running_server() as server,
        in_tls(key, certificate, f"{server.place}/.s.PGSQL.5432") as port,
    ):
        where = {**server.settings, "host": "127.0.0.1", "port": port}
        settings = {**where, "sslmode": "verify-full", "sslrootcert": str(missing)}
        connect({**settings, "authority": certificate.read_text()}).close()
        with pytest.raises(DatabaseUnreachable, match="certificate verify failed"):
            connect({**settings, "authority": wrong.read_text()})
        with pytest.raises(DatabaseUnreachable, match="does not exist"):
            connect(settings)
        shutil.copy(wrong, missing)
        with pytest.raises(DatabaseUnreachable, match="certificate verify failed"):
            # What is staged is what the service will read.
            connect({**settings, "authority": certificate.read_text()})
