"""Walking a whole directory tree, whatever is in it, without leaving it.

Archive and removal share this walk: both must see exactly the same, and both must refuse
what is not a plain file or directory of one mount.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from sessionstore.disk import opening
from sessionstore.disk.mounts import mount_id, mounts_beneath
from sessionstore.disk.reading import FileState, Identity, identity, same_file_state
from sessionstore.errors import DirectoryProblem, cause_of

CHUNK = 1024 * 1024
_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS of linux/fs.h
_FIXED = 0x10 | 0x20  # FS_IMMUTABLE_FL, FS_APPEND_FL
#: Deeper trees are refused: one descriptor a level, and no service makes them.
DEEPEST = 64


class Node(NamedTuple):
    #: below the walked directory; "." for itself. Bytes that are not UTF-8 as surrogates
    #: (``os.fsdecode``).
    path: str
    status: FileState  # as it was when the walk saw it
    sha256: str = ""  # of a file's bytes; "" for a directory
    fixed: bool = False  # whether its attributes (chattr +i, +a) forbid deleting it

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


@dataclass(frozen=True)
class Tree:
    nodes: tuple[Node, ...]  # directories before what they hold, sorted by name
    objections: tuple[str, ...]  # what forbids handling the tree, in words; empty if nothing does

    @cached_property
    def files(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if not node.is_directory)

    @cached_property
    def directories(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.is_directory)

    @cached_property
    def identities(self) -> frozenset[Identity]:
        return frozenset(identity(node.status) for node in self.nodes)


def walk(directory_fd: int, *, hashed: bool = True) -> Tree:
    """See, and unless told otherwise hash, everything below a directory; trouble is in the objections."""
    with opening.closing(opening.open_beneath(directory_fd, ".")) as fd:
        walker = _Walker(mount_id(fd), hashed=hashed)
        walker.directory(fd, ".")
        walker.note_mounts(fd)
    return Tree(tuple(walker.nodes), tuple(walker.objections))


class _Walker:
    def __init__(self, mount: int, *, hashed: bool) -> None:
        self._mount = mount
        self._hashed = hashed
        self._left = opening.LARGEST_DIRECTORY
        self.nodes: list[Node] = []
        self.objections: list[str] = []

    def directory(self, fd: int, path: str) -> None:
        self.nodes.append(Node(path, FileState.of(os.fstat(fd)), "", _is_fixed(fd)))
        try:
            with os.scandir(fd) as entries:
                # In the order of inodes, in which ext4 reads fastest.
                found = sorted(
                    (one.inode(), one.name, one.is_file(follow_symlinks=False)) for one in entries
                )
        except OSError as error:
            self.objections.append(f"{path}: {cause_of(error)}")
            return
        files = {
            name: self._attempt(self._file, fd, name, _below(path, name))
            for _, name, is_file in found
            if is_file
        }
        for name in sorted(name for _, name, _ in found):
            if name not in files:
                self._attempt(self._other, fd, name, _below(path, name))
            elif (node := files[name]) is not None:
                self.nodes.append(node)

    def _attempt(
        self, act: Callable[[int, str, str], Node | None], fd: int, name: str, path: str
    ) -> Node | None:
        try:
            return act(fd, name, path)
        except (OSError, DirectoryProblem) as error:
            self.objections.append(f"{path}: {cause_of(error)}")
            return None

    def note_mounts(self, fd: int) -> None:
        """A mounted directory was seen when it was met; a mounted file looks like any other."""
        mounts = set(mounts_beneath(fd))
        for node in self.nodes if mounts else ():
            if node.path in mounts and not node.is_directory:
                self.objections.append(f"{node.path}: another file is mounted there")

    def _file(self, fd: int, name: str, path: str) -> Node:
        if self._hashed:
            node = _hashed(fd, name, path, self._left)
            self._left -= node.status.st_size
            return node
        return Node(path, FileState.of(os.stat(name, dir_fd=fd, follow_symlinks=False)))

    def _other(self, fd: int, name: str, path: str) -> None:
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            kind = opening.kind_of_mode(status.st_mode)
            self.objections.append(f"{path}: a {kind}, never touched")
        elif path.count("/") >= DEEPEST:
            self.objections.append(f"{path}: more than {DEEPEST} levels down")
        else:
            with opening.closing(opening.open_beneath(fd, name)) as child:
                if mount_id(child) == self._mount:
                    self.directory(child, path)
                else:
                    self.objections.append(f"{path}: another file system is mounted there")


def _below(path: str, name: str) -> str:
    return name if path == "." else f"{path}/{name}"


def _hashed(fd: int, name: str, path: str, left: int) -> Node:
    file = os.open(name, opening.READ_FILE, dir_fd=fd)
    try:  # A context manager would be a tenth of the walk's time.
        before = os.fstat(file)
        if not stat.S_ISREG(before.st_mode):
            raise DirectoryProblem("changed while it was read", path)
        if before.st_size > left:
            raise DirectoryProblem(opening.TOO_MUCH, path)
        sha256 = _digest_of(file, before.st_size)
        after = os.fstat(file)
        fixed = _is_fixed(file)
    finally:
        os.close(file)
    if not same_file_state(before, after):
        raise DirectoryProblem("changed while it was read", path)
    return Node(path, FileState.of(after), sha256, fixed)


def _digest_of(file: int, size: int) -> str:
    # One byte more than the size shows growth: a small file takes one call, not three. No more than
    # that is read: it may grow faster than it can be.
    first = os.read(file, min(CHUNK, size + 1))
    digest, left = hashlib.sha256(first), size + 1 - len(first)
    while left > 1 and (chunk := os.read(file, min(CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()


def _is_fixed(fd: int) -> bool:
    try:
        answer = fcntl.ioctl(fd, _GET_FLAGS, bytes(8))
    except OSError:
        return False  # A file system without such attributes.
    return bool(int.from_bytes(answer[:4], sys.byteorder) & _FIXED)


def chunks(fd: int) -> Iterator[bytes]:
    size = min(CHUNK, os.fstat(fd).st_size + 1)
    while chunk := os.read(fd, size):
        yield chunk


class Beneath(AbstractContextManager["Beneath"]):
    """Opens many paths below the caller's directory, keeping the last parent open. Use in ``with``."""

    def __init__(self, root_fd: int) -> None:
        self._root = root_fd
        self._parent = ""
        self._fd = -1

    def parent_of(self, path: str) -> tuple[int, str]:
        """Open the directory that holds a path, valid until the next call; gives the bare name in it too."""
        parent, _, name = path.rpartition("/")
        parent = parent or "."
        if parent != self._parent:
            self.close()
            self._fd = opening.open_beneath(self._root, parent)
            self._parent = parent
        return self._fd, name

    def open(self, path: str, *, directory: bool = False) -> int:
        """Open a file for reading, or a directory, never by a symlink; the caller closes it."""
        if directory:
            return opening.open_beneath(self._root, path)
        parent, name = self.parent_of(path)
        return os.open(name, opening.READ_FILE, dir_fd=parent)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._parent = -1, ""

    def __exit__(self, *_: object) -> None:
        self.close()
