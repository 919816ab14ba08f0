"""Encrypted files on the disk: whole under their name, or not there at all.

Written under a partial name, flushed, hashed again as they lie on the disk, renamed. One
process at a time works in a directory of them: a second one would clear away what the first is
writing, because half a file looks the same whether its writer lives or was killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sessionstore.archive.encryption import Encryption
from sessionstore.archive.manifest import ALTERED, Manifest, read_manifest
from sessionstore.disk.mounts import in_memory
from sessionstore.disk.opening import NEW_FILE, closing, lock, open_directory, open_regular
from sessionstore.disk.reading import identity
from sessionstore.disk.walk import chunks
from sessionstore.errors import ArchiveProblem, StoreError, cause_of, without_identities

_recipient = re.compile(r"(?:age1[0-9a-z]+|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+(?: .*)?)").fullmatch


def refuse_arguments(name: str, recipients: Sequence[str]) -> None:
    """Refuse a name, without its endings, and recipients that could not become such a file."""
    if not name or "/" in name or name in (".", "..") or "\0" in name:
        remedy = "Give a bare name, such as baileys_sessions: --name"
        raise ArchiveProblem("not the name of an archive", name, remedy)
    wrong = [one for one in recipients if not _recipient(one)]
    if wrong or not recipients:
        told = f"not an age recipient: {without_identities(wrong[0])}" if wrong else ""
        remedy = "Set archive recipients to public keys (age1...), made with age-keygen."
        raise ArchiveProblem(told or "no age recipient is given", remedy=remedy)


@contextmanager
def exclusive(path: str) -> Iterator[int]:
    """Open a directory of encrypted files for this process alone: the lock ends with it, even if killed."""
    with closing(open_directory(path)) as fd:
        remedy = f"Wait for it to end, then run again: fuser -v {path}"
        lock(fd, "another run is writing archives", path, remedy)
        yield fd


def partial_of(name: str) -> str:
    """The name that a file has until it is whole."""
    return f".{name}.partial"


def seal(
    out_fd: int, name: str, recipients: Sequence[str], feed: Callable[[Encryption], object]
) -> tuple[str, int]:
    """Write a file encrypted under its partial name; gives SHA-256 and size as it lies on the disk."""
    partial = partial_of(name)
    with closing(os.open(partial, NEW_FILE, 0o600, dir_fd=out_fd)) as fd:
        with Encryption(fd, recipients) as encryption:
            feed(encryption)
            written = encryption.finish()
        os.fsync(fd)
    on_disk = hash_on_disk(partial, out_fd)
    if on_disk != written:
        raise ArchiveProblem("the archive on the disk is not what was written", name)
    return on_disk


def publish(out_fd: int, name: str) -> None:
    """Give a sealed file its name, durably."""
    os.rename(partial_of(name), name, src_dir_fd=out_fd, dst_dir_fd=out_fd)
    os.fsync(out_fd)


def write_file(out_fd: int, name: str, content: bytes) -> None:
    """Write, or replace, a plain file whole or not at all; readable by its owner only."""
    forget(out_fd, partial_of(name))
    with open(os.open(partial_of(name), NEW_FILE, 0o600, dir_fd=out_fd), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(partial_of(name), name, src_dir_fd=out_fd, dst_dir_fd=out_fd)


def forget(out_fd: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=out_fd)


def compare_on_disk(
    path: str, expected: tuple[str, int], what: str, problem: type[StoreError] = ArchiveProblem
) -> None:
    """Hash a sealed file again as it lies on the disk; SHA-256 and size must be those expected."""
    with (
        problem.instead(f"cannot read the {what}", path, StoreError),
        closing(open_directory(os.path.dirname(path) or ".")) as fd,
    ):
        found = hash_on_disk(os.path.basename(path), fd)
    if found != expected:
        remedy = (
            "It is damaged, or this is another one's manifest: do not rely on it; make a new one while"
            " what it is of is there."
        )
        raise problem(f"the {what} is not what its manifest says", path, remedy)


def hash_on_disk(name: str, directory_fd: int) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    with closing(open_regular(name, directory_fd)) as fd:
        # Drop the cached pages, so that what is hashed comes from the disk.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        for chunk in chunks(fd):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def verify_on_disk(archive_path: str, manifest: str | Manifest) -> Manifest:
    """Hash an archive again. That it can be opened shows only :func:`sessionstore.archive.check.check`."""
    if isinstance(manifest, str):
        manifest = read_manifest(manifest)
    compare_on_disk(archive_path, (manifest.archive_sha256, manifest.archive_bytes), "archive")
    return manifest


@dataclass(frozen=True)
class Held:
    manifest: Manifest
    path: str  # of the encrypted file
    fd: int  # of the very file that was verified

    def objections(self) -> tuple[str, ...]:
        """Say why it would not be there afterwards; asked again before each step that can't be undone."""
        mine = os.fstat(self.fd)
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError as error:
            return (f"its archive is gone from {self.path}: {cause_of(error)}",)
        found = (*identity(there), there.st_size, there.st_mtime_ns)
        if found != (*identity(mine), self.manifest.archive_bytes, mine.st_mtime_ns):
            return (f"its archive {self.path} is not the file any more that was verified",)
        if in_memory(self.fd):
            where = "lies in memory, and goes with a power cut: archive to a disk"
            return (f"its archive {self.path} {where}",)
        return ()


@contextmanager
def held(archive_path: str, manifest_path: str) -> Iterator[Held]:
    """Verify an archive and hold it open; its manifest must be the very one that was written."""
    with (
        ArchiveProblem.instead("cannot read the archive", archive_path, StoreError),
        closing(open_directory(os.path.dirname(archive_path) or ".")) as directory,
    ):
        fd = open_regular(os.path.basename(archive_path), directory)
    with closing(fd):
        manifest = verify_on_disk(archive_path, manifest_path)
        if not manifest.sha256:
            remedy = "Move the archive and its manifest away, and archive the directory anew."
            raise ArchiveProblem(ALTERED, manifest_path, remedy)
        yield Held(manifest, archive_path, fd)
