"""PostgreSQL's own client programs, run with the password where nobody else can see it.

Not in the arguments, which all users can read, and not in a file on the disk: in a password
file that exists in memory only and ends with the program.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sessionstore.database.connection import CONNECT_SECONDS
from sessionstore.errors import BackupProblem

# Debian keeps each major version beside the others.
_DEBIAN = Path("/usr/lib/postgresql")
_SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
_version = re.compile(r"\(PostgreSQL\) (\d+)").search


def find(name: str, at_least: int, directory: str | None = None) -> str:
    """Find the oldest client program that fits a server of a major version; older ones refuse to work."""
    on_path = os.environ.get("PATH", _SEARCH_PATH).split(":")
    places = [directory] if directory else [*map(str, _DEBIAN.glob("*/bin")), *on_path]
    there = {path: major_of(path) for place in places if os.access(path := f"{place}/{name}", 1)}
    fitting = sorted((major, path) for path, major in there.items() if major >= at_least)
    if fitting:
        return fitting[0][1]
    remedy = (
        f"Install it: apt-get install postgresql-client-{at_least} (from apt.postgresql.org, if"
        ' this Debian has no such version); or declare "database_backup: provider" with a reason.'
    )
    if not there:
        raise BackupProblem(f"{name} is not installed", directory or "", remedy)
    what = f"{name} {max(there.values())} is too old for this server, which is version {at_least}"
    raise BackupProblem(what, ", ".join(there), remedy)


def major_of(path: str) -> int:
    said = ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.check_output(
            [path, "--version"], stderr=subprocess.DEVNULL, text=True, timeout=CONNECT_SECONDS
        )
    found = _version(said)
    if not found:
        raise BackupProblem("the program does not tell its version", path)
    return int(found[1])


@contextmanager
def running(
    command: Sequence[str],
    settings: Mapping[str, object],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a client program, nothing secret in its arguments; ended when the block is left early."""
    password_file = _password_file(str(settings.get("password") or ""))
    try:
        environment = {
            "PATH": _SEARCH_PATH,
            "LC_ALL": "C",
            "PGAPPNAME": "baileys-rollout",
            "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS),
            "PGPASSFILE": f"/proc/self/fd/{password_file}",
        }
        given = {**settings, "database": settings.get("dbname")}
        for name in ("host", "port", "database", "user", "sslmode", "sslrootcert"):
            if given.get(name) is not None:
                environment[f"PG{name.upper()}"] = str(given[name])
        try:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                env=environment,
                pass_fds=[password_file],
            )
        except OSError as error:
            raise BackupProblem(f"cannot be run: {error.strerror}", command[0]) from None
    finally:
        os.close(password_file)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()


def _password_file(password: str) -> int:
    fd = os.memfd_create("pgpass")
    os.fchmod(fd, 0o600)  # libpq ignores a password file that others may read
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    os.write(fd, f"*:*:*:*:{escaped}\n".encode())
    return fd


class Complaints:
    """Reads what a program says on standard error, so that it never waits for a reader."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._lines.extend(line.decode("utf-8", "replace").strip() for line in pipe)

    def errors(self) -> list[str]:
        self._reader.join(5)
        return [line for line in self._lines if "error:" in line]

    def first(self) -> str:
        """The first error, or the first line, or nothing, after the program has ended."""
        return next(iter(self.errors() or self._lines), "")
