"""What /proc says about processes: trees, environments, working directories."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostswitch.base import child
from hostswitch.base.files import Owner

_PROC = Path("/proc")
_RUNTIMES = ("node", "bun", "deno")
_ENVIRON_SECONDS = 5


@dataclass(frozen=True)
class Identity:
    """A process for good: a pid alone may be reused, with its start time it is not."""

    pid: int
    started: int


def identity(pid: int) -> Identity | None:
    """A process by its pid; None if there is none (a zombie counts as none)."""
    fields = _stat(pid)
    if fields is None or fields[0] == "Z":
        return None
    return Identity(pid, int(fields[19]))


def age(pid: int) -> float | None:
    """How long a process has run, in seconds; None if it is gone."""
    found = identity(pid)
    if found is None:
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - found.started / os.sysconf("SC_CLK_TCK")


def started_at(pid: int) -> float | None:
    """When it began, in seconds since 1970."""
    seconds = age(pid)
    return None if seconds is None else time.time() - seconds


def alive(process: Identity) -> bool:
    return identity(process.pid) == process


def tree(pids: Collection[int]) -> set[Identity]:
    """The processes with these pids, and all that descend from them."""
    stats = {pid: _stat(pid) for pid in _pids()}
    parents = {pid: int(fields[1]) for pid, fields in stats.items() if fields is not None}
    wanted = set(pids)
    while more := {pid for pid, parent in parents.items() if parent in wanted} - wanted:
        wanted |= more
    found = (identity(pid) for pid in wanted)
    return {process for process in found if process is not None}


def node_below(directory: str) -> dict[int, str]:
    """Processes of JavaScript that work below a directory or run a script of it, but for PM2's own daemon."""
    found = {}
    for pid in _pids():
        if not os.path.basename(program(pid) or "").startswith(_RUNTIMES):
            continue
        try:
            title = (_PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"PM2 "):
            continue
        places = (working_directory(pid), _script(title))
        where = next((one for one in places if one and f"{one}/".startswith(f"{directory}/")), None)
        if where is not None:
            found[pid] = where
    return found


def _script(title: bytes) -> str | None:
    """What a command line runs: its first absolute path after the program, links resolved."""
    # PM2 gives its apps the title `node /path/of/script`, in one piece.
    _, *words = title.replace(b" /", b"\0/").split(b"\0")
    path = next((word for word in words if word.startswith(b"/")), None)
    return None if path is None else os.path.realpath(os.fsdecode(path))


def program(pid: int) -> str | None:
    """The file that a process runs, even if an update has replaced it since; None if it is gone."""
    try:
        return os.readlink(_PROC / str(pid) / "exe").removesuffix(" (deleted)")
    except OSError:
        return None


def node_outside(app_dir: str, pm2_home: str, pids: Collection[int]) -> dict[int, str]:
    """Those of `node_below` an application directory that are none of these, nor their children."""
    known = {process.pid for process in tree({pid for pid in pids if pid > 0})}
    modules = os.path.realpath(os.path.join(pm2_home, "modules"))  # PM2's own
    return {
        pid: where
        for pid, where in node_below(os.path.realpath(app_dir)).items()
        if pid not in known and not f"{where}/".startswith(f"{modules}/")
    }


def wait_gone(wanted: set[Identity], seconds: float) -> set[Identity]:
    """Wait until processes have ended; those that still run after `seconds`."""
    end = time.monotonic() + seconds
    while left := {process for process in wanted if alive(process)}:
        if time.monotonic() > end:
            return left
        time.sleep(0.02)
    return set()


def environment(pid: int, owner: Owner) -> dict[str, str] | None:
    """The environment that a process of this user was started with (secrets too); None: it can't be read.

    An empty one counts as that: it is so while a program starts, and while it ends. What a process does
    not export must not be concluded from it.
    """
    # It lies in that process's own memory, which may be had to wait for.
    command = ["/bin/cat", "--", str(_PROC / str(pid) / "environ")]
    rights: dict[str, Any] = {}
    if os.geteuid() == 0 != owner[0]:
        rights = {"user": owner[0], "group": owner[1], "extra_groups": [owner[1]]}
    try:
        content = child.run(command, seconds=_ENVIRON_SECONDS, env={}, **rights).output
    except (OSError, child.EndlessError):
        return None
    pairs = (part.decode("utf-8", "replace").partition("=") for part in content.split(b"\0"))
    return {name: value for name, separator, value in pairs if separator} or None


def ports(pid: int) -> set[int]:
    """The local ports of a process's TCP connections; none where it is gone."""
    try:
        places = [os.readlink(one) for one in (_PROC / str(pid) / "fd").iterdir()]
        lines = [
            line.split()
            for name in ("tcp", "tcp6")
            for line in (_PROC / str(pid) / "net" / name).read_text().splitlines()[1:]
        ]
    except OSError:
        return set()
    sockets = {place[8:-1] for place in places if place.startswith("socket:[")}
    established = (line for line in lines if line[3] == "01" and line[9] in sockets)
    return {int(line[1].rpartition(":")[2], 16) for line in established}


def working_directory(pid: int) -> str | None:
    """A process's working directory, symlinks resolved; None if it is gone."""
    try:
        return os.readlink(_PROC / str(pid) / "cwd")
    except OSError:
        return None


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command name, which may hold anything."""
    try:
        content = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return content.rpartition(")")[2].split()
