"""Opening directories and files so that no link leads anywhere else."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sessionstore.errors import DirectoryProblem, cause_of
from sessionstore.file_state import same_file_state

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that was swapped in must not hang the program.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
#: Bytes that the files of one directory may have together: holes and further names take no room on the
#: disk, and hours to read. A million keys have 4 GiB.
LARGEST_DIRECTORY = 8 << 30
TOO_MUCH = (
    f"its files have more than {LARGEST_DIRECTORY >> 30} GiB together, and no sessions have. "
    "See which: du -ah --apparent-size --count-links"
)


def open_directory(path: str) -> int:
    """Open a directory by path.

    Args:
        path: its last component must be a directory itself, not a symlink to one, also where
            slashes come after it.

    Returns:
        A descriptor that the caller closes.

    Raises:
        DirectoryProblem: it does not exist, is a link, or may not be read.
    """
    # The kernel follows a link that a slash comes after, whatever O_NOFOLLOW says; shells put
    # one there when they complete a name.
    itself = path.rstrip("/") or path[:1]
    try:
        return os.open(itself, _DIRECTORY)
    except OSError as error:
        problem = _cannot_open(itself, error)
        problem.remedy = problem.remedy or _REMEDIES.get(error.errno or 0, "")
        raise problem from error


def open_beneath(parent_fd: int, relative: str) -> int:
    """Open a directory below another, following no link on the way.

    Args:
        parent_fd: descriptor of the directory to start from.
        relative: path below it; "." opens the directory itself again.

    Returns:
        A descriptor that the caller closes.

    Raises:
        DirectoryProblem: the path is absolute, has "..", or a component is not a directory.
    """
    parts = [part for part in relative.split("/") if part != "."]
    if relative.startswith("/") or ".." in parts or "" in parts:
        raise DirectoryProblem("not a path below its directory", relative)
    current = os.open(".", _DIRECTORY, dir_fd=parent_fd)
    for part in parts:
        try:
            following = os.open(part, _DIRECTORY, dir_fd=current)
        except OSError as error:
            raise _cannot_open(relative, error) from error
        finally:
            os.close(current)
        current = following
    return current


def exists(parent_fd: int, name: str) -> bool:
    """Tell whether a name is in a directory, whatever it is; symlinks are not followed.

    Args:
        parent_fd: the directory.
        name: the bare name.

    Returns:
        Whether it is there.
    """
    try:
        os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def open_regular(path: str, directory_fd: int | None = None) -> int:
    """Open a file for reading, whatever lies there by now.

    Args:
        path: of the file; not a symlink.
        directory_fd: the directory that it is below; None takes the path as it is.

    Returns:
        A descriptor that the caller closes.

    Raises:
        OSError: it can't be opened, or is a pipe or a device: reading that may take for ever.
    """
    fd = os.open(path, _FILE, dir_fd=directory_fd)
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        raise OSError(errno.EINVAL, f"a {kind_of_mode(mode)}, not a regular file", path)
    return fd


@contextmanager
def closing(fd: int) -> Iterator[int]:
    """Close a descriptor when a block ends.

    Args:
        fd: an open descriptor.

    Yields:
        The same.
    """
    try:
        yield fd
    finally:
        os.close(fd)


def _cannot_open(path: str, error: OSError) -> DirectoryProblem:
    if os.path.islink(path):
        return DirectoryProblem("is a symlink, not a directory", path, "Name the real directory.")
    return DirectoryProblem.because("cannot open the directory", error, path)


_REMEDIES = {
    errno.ENOENT: "Name one that is there.",
    errno.ENOTDIR: "Name a directory.",
}


class FileContent(NamedTuple):
    """One file as read: its bytes and the status they belong to."""

    raw: bytes
    status: os.stat_result


class Unreadable(Exception):
    """A file that could not be read as one consistent whole.

    Attributes:
        kind: "unreadable", "not a regular file", "changed while read", "too large" or "holes".
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def has_holes(status: os.stat_result) -> bool:
    """Tell whether a copy of a file would take more on the disk than the file does.

    Args:
        status: of the file.

    Returns:
        Whether it has holes, or a file system that compresses it.
    """
    return status.st_blocks * 512 < status.st_size


def read_whole(directory_fd: int, name: str, limit: int) -> FileContent:
    """Read a file below an open directory, and make sure that it held still.

    Args:
        directory_fd: the directory that holds it.
        name: a single name, no path.
        limit: the largest size in bytes that is read at all.

    Returns:
        The content with the file's status.

    Raises:
        Unreadable: with the kind of trouble.
    """
    try:
        fd = os.open(name, _FILE, dir_fd=directory_fd)
    except OSError as error:
        raise Unreadable("unreadable", cause_of(error)) from error
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise Unreadable("not a regular file", kind_of_mode(before.st_mode))
        if before.st_size > limit:
            kind = "holes" if has_holes(before) else "too large"
            raise Unreadable(kind, f"{before.st_size} bytes")
        # One byte more than the size shows growth. A large fixed buffer ended in ENOMEM
        # after 100,000 files (docs/facts.md section 2).
        raw = _read(fd, before.st_size + 1)
        after = os.fstat(fd)
    except OSError as error:
        raise Unreadable("unreadable", cause_of(error)) from error
    finally:
        os.close(fd)
    if len(raw) != before.st_size or not same_file_state(before, after):
        raise Unreadable("changed while read", "somebody is writing to it")
    return FileContent(raw, after)


def _read(fd: int, size: int) -> bytes:
    first = os.read(fd, size)
    if len(first) in (0, size - 1):
        return first
    parts = [first]
    missing = size - len(first)
    while missing > 0 and (part := os.read(fd, missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def kind_of_mode(mode: int) -> str:
    """Name the type of a file system object.

    Args:
        mode: ``st_mode``.

    Returns:
        A word such as "symlink" or "socket".
    """
    for test, word in (
        (stat.S_ISREG, "regular file"),
        (stat.S_ISDIR, "directory"),
        (stat.S_ISLNK, "symlink"),
        (stat.S_ISFIFO, "FIFO"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISBLK, "block device"),
        (stat.S_ISCHR, "character device"),
    ):
        if test(mode):
            return word
    return "unknown object"


def mount_id(fd: int) -> int:
    """Tell which mount a descriptor lies on.

    Args:
        fd: any open descriptor.

    Returns:
        The kernel's mount id; a bind mount has its own even on the same device, which
        st_dev does not show.

    Raises:
        DirectoryProblem: /proc does not say.
    """
    try:
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
            for line in info:
                if line.startswith("mnt_id:"):
                    return int(line.split()[1])
    except OSError as error:
        raise DirectoryProblem(f"cannot read /proc: {error.strerror}", "fdinfo") from None
    raise DirectoryProblem("the kernel does not tell mount ids", "fdinfo")


def in_memory(fd: int) -> bool:
    """Tell whether a file lies in memory only: whatever is flushed there, a power cut takes it.

    Args:
        fd: any open descriptor.

    Raises:
        DirectoryProblem: /proc does not say.
    """
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
    """List what is mounted on anything below a directory, files included.

    Args:
        fd: an open directory.

    Returns:
        Paths below it. A file can be a mount point too, and opening it looks as usual.

    Raises:
        DirectoryProblem: /proc does not say.
    """
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
