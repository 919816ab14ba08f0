"""Processes of the lab, found and ended by the control group that the lab made for them.

Each host runs in a control group of its own. That keeps two hosts that were started from the same
shell from sharing one (each systemd would then manage the other's services), and it makes "only
processes that the lab started" exact: whatever is in the group was started by the lab, however
the command that started it ended.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from lab.place import LabError, Place
from lab.tools import run

# Puts itself into a group before it becomes the program, so there is no moment at which the
# program runs outside the group, even if the caller dies between fork and exec.
_ENTER = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"'


def entering(group: Path, argv: list[str]) -> list[str]:
    """The command that runs ``argv`` inside ``group``."""
    return ["/bin/sh", "-c", _ENTER, "lab", str(group), *argv]


def group_of(place: Place, host: str) -> Path:
    """The control group of a host (it need not exist yet)."""
    return _hierarchy(place) / place.name / host


def build_group(place: Place, work: str) -> Path:
    """The control group of an image build; builds are shared by all labs of a machine."""
    return _hierarchy(place) / f"{place.cache.name}-build" / work


def _hierarchy(place: Place) -> Path:
    """A mount of the version 2 hierarchy; made when the controller has none (cgroup v1 only)."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, *_ = line.split(" ")
        if kind == "cgroup2":
            return Path(target)
    own = place.state / "cgroup"
    own.mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", "cgroup2", "none", own])
    return own


def make(group: Path) -> None:
    """Create the group if it is not there."""
    group.mkdir(parents=True, exist_ok=True)


def members(group: Path) -> list[int]:
    """Every process in the group and below it."""
    pids: list[int] = []
    for directory, _, _ in os.walk(group):  # which does not mind that groups vanish meanwhile
        with suppress(OSError):
            pids += [int(pid) for pid in (Path(directory) / "cgroup.procs").read_text().split()]
    return pids


def init_of(group: Path) -> int | None:
    """The container's own init: the process of the group that is number 1 in a namespace."""
    for pid in members(group):
        with suppress(FileNotFoundError, ProcessLookupError):
            status = Path(f"/proc/{pid}/status").read_text()
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:"))
            if len(numbers.split()) > 2 and numbers.split()[-1] == "1":
                return pid
    return None


def send(group: Path, pid: int, number: int) -> bool:
    """Signal ``pid`` if it is still a member of the group; a reused number is never hit."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if pid not in members(group):
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def wait_empty(group: Path, seconds: float) -> bool:
    """Wait until no process is left in the group; False when the time is over."""
    deadline = time.monotonic() + seconds
    while members(group):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def end(group: Path, *, seconds: float = 10.0) -> None:
    """Kill whatever is in the group, wait until it is empty, and remove the group.

    Raises:
        LabError: processes are left that can't be killed (waiting on a device, mostly).
    """
    deadline = time.monotonic() + seconds
    while members(group):
        for pid in members(group):
            send(group, pid, signal.SIGKILL)
        if wait_empty(group, 0.2):
            break
        if time.monotonic() > deadline:
            raise LabError(f"processes {members(group)} of {group.name} can't be ended; see ps -l")
    remove(group)


def remove(group: Path) -> None:
    """Remove an empty group and the copies that nspawn makes of it in other hierarchies."""
    roots = [group, *Path("/sys/fs/cgroup").glob(f"*/{group.parent.name}/{group.name}")]
    for root in roots:
        for directory, _, _ in os.walk(root, topdown=False):
            with suppress(OSError):
                Path(directory).rmdir()
