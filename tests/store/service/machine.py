"""The lab's service on this machine: installed releases, a database with TLS, and its commands."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.profiles.service_repository import REVISIONS, SOURCES, compose
from tests.ports import free_port

TOOLS = SOURCES / "tools"
_SSL_REQUEST_BYTES = 8


def node_is_missing() -> str | None:
    """Why the service can't run on this machine, or None."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "Node.js and npm are not installed here"
    version = subprocess.check_output(["node", "-p", "process.versions.node"], text=True)
    return None if int(version.split(".")[0]) >= 20 else "Baileys 7 needs Node.js 20"


def install(place: Path) -> tuple[Path, Path]:
    """Both revisions with their dependencies, the old one first."""
    old, new = (place / revision.tag for revision in REVISIONS)
    for revision in REVISIONS:
        compose(revision, place / revision.tag)
    subprocess.run(["npm", "ci", "--no-progress"], cwd=old, check=True, capture_output=True)
    shutil.copytree(old / "node_modules", new / "node_modules", symlinks=True)
    return old, new


def tool(release: Path, name: str, *arguments: str | Path, **variables: str) -> str:
    """Run one of the lab's tools in a release and return what it prints."""
    done = subprocess.run(
        ["node", TOOLS / name, *arguments],
        cwd=release,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, f"{name}: {done.stderr}"
    return done.stdout


def write_env(release: Path, **settings: str) -> None:
    """Write a release's .env."""
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    (release / ".env").write_text("".join(lines))


@dataclass
class Running:
    """A started service."""

    process: subprocess.Popen[str]
    port: int

    def status(self) -> dict[str, Any]:
        """What its endpoint answers, as soon as it does."""
        give_up = time.monotonic() + 60
        while True:
            try:
                url = f"http://127.0.0.1:{self.port}/status"
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return dict(json.load(answer))
            except OSError:
                assert self.process.poll() is None, self.process.communicate()
                assert time.monotonic() < give_up, "no answer"
                time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGINT) -> tuple[int, list[str]]:
        """Stop it; its exit code and the messages it logged."""
        self.process.send_signal(how)
        out, _ = self.process.communicate(timeout=30)
        return self.process.returncode, [str(json.loads(line)["msg"]) for line in out.splitlines()]


@contextmanager
def running(release: Path) -> Iterator[Running]:
    """The service of a release, on the port that its .env names."""
    port = free_port()
    process = subprocess.Popen(
        ["node", "src/server.js"],
        cwd=release,
        # dotenv leaves what is exported alone: the port may come this way, the flags may not.
        env={**os.environ, "STATUS_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Running(process, port)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def start_in_vain(release: Path) -> tuple[int, str]:
    """Start a service that refuses; its exit code and standard error."""
    done = subprocess.run(
        ["node", "src/server.js"],
        cwd=release,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.strip()


def make_certificates(place: Path, name: str) -> Path:
    """A certificate authority and a server certificate for a subject alternative name."""
    authority = ["-x509", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test ca"]
    server = ["-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=db"]
    for arguments in (authority, server):
        subprocess.run(
            ["openssl", "req", "-newkey", "rsa:2048", "-nodes", *arguments],
            cwd=place,
            check=True,
            capture_output=True,
        )
    (place / "names").write_text(f"subjectAltName={name}\n")
    signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
    subprocess.run(
        ["openssl", "x509", "-req", "-in", "server.csr", *signing, "-out", "server.crt"],
        cwd=place,
        check=True,
        capture_output=True,
    )
    return place


@contextmanager
def tls_front(certificates: Path, database_socket: Path) -> Iterator[int]:
    """A port that speaks PostgreSQL's TLS in front of a server that was built without it.

    The binaries that `make test` may use have no OpenSSL; the service accepts nothing but
    verified TLS. Both ends are real, and so is the handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    loop = asyncio.new_event_loop()
    front = _Front(context, database_socket)
    server = loop.run_until_complete(asyncio.start_server(front.serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@dataclass
class _Front:
    context: ssl.SSLContext
    database_socket: Path

    async def serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        try:
            await client.readexactly(_SSL_REQUEST_BYTES)
            answer.write(b"S")
            await answer.start_tls(self.context)
            database, request = await asyncio.open_unix_connection(self.database_socket)
            await asyncio.gather(_pump(client, request), _pump(database, answer))
        except (OSError, asyncio.IncompleteReadError):
            answer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    finally:
        target.close()
