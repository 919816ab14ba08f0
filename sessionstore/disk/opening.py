"""Opening directories and files so that no link leads anywhere else."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from sessionstore.errors import DirectoryProblem, LockHeld

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that was swapped in must not hang the program.
READ_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: Bytes that the files of one directory may have together: holes and further names take no room on the
#: disk, and hours to read. A million keys have 4 GiB.
LARGEST_DIRECTORY = 4 << 30
TOO_MUCH = (
    f"its files have more than {LARGEST_DIRECTORY >> 30} GiB together, and no sessions have. "
    "See which: du -ah --apparent-size --count-links"
)


def open_directory(path: str) -> int:
    """Open a directory by path, not by a symlink, also where slashes come after it; the caller closes it."""
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
    """Open a directory below another ("." itself), following no link on the way; the caller closes it."""
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
    """Tell whether a name is in a directory, whatever it is; symlinks are not followed."""
    try:
        os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def open_regular(path: str, directory_fd: int | None = None) -> int:
    """Open a file, no link, pipe or device (reading may take for ever); the caller closes it."""
    fd = os.open(path, READ_FILE, dir_fd=directory_fd)
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        raise OSError(errno.EINVAL, f"a {kind_of_mode(mode)}, not a regular file", path)
    return fd


def lock(fd: int, what: str, where: str, remedy: str = "") -> None:
    """Keep others out of a directory until its descriptor is closed, also by the end of a killed process."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockHeld(what, where, remedy) from None


@contextmanager
def closing(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _cannot_open(path: str, error: OSError) -> DirectoryProblem:
    if os.path.islink(path):
        return DirectoryProblem("is a symlink, not a directory", path, "Name the real directory.")
    return DirectoryProblem.because("cannot open the directory", error, path)


_REMEDIES = {errno.ENOENT: "Name one that is there.", errno.ENOTDIR: "Name a directory."}


# By the letters of `ls -l`.
_KINDS = {"-": "regular file", "d": "directory", "l": "symlink", "p": "FIFO", "s": "socket"}
_KINDS |= {"b": "block device", "c": "character device"}


def kind_of_mode(mode: int) -> str:
    """The type of a file system object, in a word such as "symlink" or "socket"."""
    return _KINDS.get(stat.filemode(mode)[0], "unknown object")
