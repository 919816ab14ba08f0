"""Whether two ways to name a database lead to one."""

from __future__ import annotations

import os
import socket

from hostswitch.plan import Database


def holds(declared: Database, host: str, port: str, name: str) -> bool:
    """Whether settings lead to the declared database, by another name of its server.

    Nothing is connected to: the service's user writes these names.
    """
    if (port, name) != (str(declared.port), declared.dbname):
        return False
    return not _addresses(host).isdisjoint(_addresses(declared.host))


def _addresses(host: str) -> set[str]:
    if not host or host.startswith("/"):
        return {os.path.realpath(host)} if host else set()
    try:
        return {str(one[4][0]) for one in socket.getaddrinfo(host, 5432)}
    except (OSError, UnicodeError):
        return set()
