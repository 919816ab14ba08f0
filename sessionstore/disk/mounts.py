"""Which file systems a directory reaches over, and whether one is only memory."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sessionstore.errors import DirectoryProblem


def mount_id(fd: int) -> int:
    """The kernel's id of a descriptor's mount; a bind mount has its own, which st_dev does not show."""
    try:
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
            for line in info:
                if line.startswith("mnt_id:"):
                    return int(line.split()[1])
    except OSError as error:
        raise DirectoryProblem(f"cannot read /proc: {error.strerror}", "fdinfo") from None
    raise DirectoryProblem("the kernel does not tell mount ids", "fdinfo")


def in_memory(fd: int) -> bool:
    """Tell whether a file lies in memory only: whatever is flushed there, a power cut takes it."""
    mine = str(mount_id(fd))
    for line in _mounts():
        mount, _, system = line.partition(b" - ")
        if mount.split()[0].decode() == mine:
            kind, source = system.split()[:2]
            return kind in _MEMORY or source.startswith((b"/dev/ram", b"/dev/zram"))
    return False


_MEMORY = (b"tmpfs", b"ramfs", b"devtmpfs", b"hugetlbfs", b"rootfs")


def _mounts() -> list[bytes]:
    try:
        return Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError as error:
        raise DirectoryProblem(f"cannot read /proc: {error.strerror}", "mountinfo") from None


def mounts_beneath(fd: int) -> list[str]:
    """Paths of what is mounted below a directory, on files too: opening one of these looks as usual."""
    try:
        top = os.readlink(f"/proc/self/fd/{fd}").rstrip("/") + "/"
    except OSError as error:
        raise DirectoryProblem(f"cannot read /proc: {error.strerror}", "fd") from None
    # The fifth field; space, tab, newline and backslash in it are written in octal.
    points = {os.fsdecode(_octal(_as_byte, line.split(b" ")[4])) for line in _mounts()}
    return sorted(point[len(top) :] for point in points if point.startswith(top))


_octal = re.compile(rb"\\([0-7]{3})").sub


def _as_byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)])
