"""What the service answers, and what it runs on, in the session store's words."""

from __future__ import annotations

import http.client
import socket
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

from hostswitch.base import processes
from hostswitch.base.answer import incoming, understood
from hostswitch.base.errors import HostError
from hostswitch.description.claims import value_at
from hostswitch.description.provider import files_asked, runs_on
from hostswitch.host import Host
from hostswitch.service import pointers
from hostswitch.service.pointers import present
from sessionstore.errors import printable


def now(host: Host) -> str:
    """As `provider.runs_on`, for a host as it is now."""
    provider, pid = host.plan.description.provider, running_pid(host)
    return runs_on(
        provider,
        pointers.settings(host.plan.env_live),
        None if pid is None else processes.environment(pid, host.owner),
        present(pointers.current_directory(host.plan.app_dir), files_asked(provider)),
    )


def running_pid(host: Host) -> int | None:
    """The process that answers, or of a service that does not say which, PM2's."""
    http = host.plan.description.signals.http
    pid = value_at(fetch(host.plan.gate.status_url), http.pid if http else None)
    if type(pid) is int:
        return pid
    if http is not None and http.pid is not None:
        return None  # It would say so.
    app = host.pm2.app(host.plan.service_app)
    return app.pid if app is not None and app.running and app.pid > 0 else None


_ANSWER_SECONDS = 5.0
_LARGEST = 1 << 20
_SHOWN = 100


class NoStatusError(HostError):
    """The status endpoint does not answer with a status."""


def fetch(url: str | None) -> dict[str, Any] | None:
    """What the status endpoint answers; None if that is no status, or there is no endpoint."""
    if url is None:
        return None
    try:
        return ask(url)
    except NoStatusError:
        return None


def ask(url: str) -> dict[str, Any]:
    """Ask the status endpoint, on loopback, without proxies. Raises NoStatusError."""
    try:
        code, content = _get(urlsplit(url))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NoStatusError(f"{url} does not answer ({_reason(error)})") from None
    if code != http.client.OK:
        raise NoStatusError(f"{url} answers with HTTP {code}")
    try:
        found = understood(content)
    except ValueError as error:
        raise NoStatusError(f"{url} does not answer with JSON ({error})") from None
    if not isinstance(found, dict):
        raise NoStatusError(f"{url} answers with JSON that is no object")
    return found


def _reason(error: Exception) -> str:
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return printable(text)[:_SHOWN] or type(error).__name__


def _get(url: SplitResult) -> tuple[int, bytes]:
    """One GET: its code and content, however the answer is spelled. Redirects are not followed."""
    end = time.monotonic() + _ANSWER_SECONDS
    where = (url.hostname or "", url.port or 80)
    target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    request = f"GET {target} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(where, timeout=_ANSWER_SECONDS) as connection:
        connection.sendall(request.encode())
        with _Response(connection, end) as response:
            response.begin()
            return response.status, response.read()


class _Response(http.client.HTTPResponse):
    """Python's own reading of an answer, with an end: its timeout holds for each piece only."""

    def __init__(self, connection: socket.socket, end: float) -> None:
        super().__init__(connection)
        self.fp = incoming(connection, end, _LARGEST)
