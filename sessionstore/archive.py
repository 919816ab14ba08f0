"""Archiving a directory: one encrypted tar file and a manifest that it is checked against.

Every file is hashed twice, once for the manifest and once while it goes into the stream;
the file on disk is hashed again after it was flushed. Nothing is read by path: only
through the directory's descriptor.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone

from sessionstore import tarstream
from sessionstore.archive_check import CheckReport, check
from sessionstore.descriptors import closing, open_directory
from sessionstore.errors import ArchiveProblem, DirectoryProblem, StoreError
from sessionstore.manifest import Entry, Manifest, dump, entry_of, read_manifest
from sessionstore.pipeline import Encryption
from sessionstore.whole import Beneath, Tree, chunks, walk

__all__ = [
    "ArchiveReport",
    "CheckReport",
    "Manifest",
    "check",
    "create",
    "read_manifest",
    "verify_on_disk",
]

_recipient = re.compile(r"(?:age1[0-9a-z]+|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+(?: .*)?)").fullmatch
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class ArchiveReport:
    """One archive that was made, or found to be there already.

    Attributes:
        archive: path of the encrypted file.
        manifest: path of its manifest.
        files: files in it.
        directories: directories in it.
        bytes: of the files.
        archive_bytes: of the encrypted file.
        archive_sha256: of the encrypted file as it lies on the disk.
        plain_sha256: of the tar stream in it.
        reused: whether it was there already.
        seconds: how long it took.
    """

    archive: str
    manifest: str
    files: int
    directories: int
    bytes: int
    archive_bytes: int
    archive_sha256: str
    plain_sha256: str
    reused: bool
    seconds: float


def create(directory_fd: int, out_dir: str, name: str, recipients: Sequence[str]) -> ArchiveReport:
    """Archive everything below a directory.

    Args:
        directory_fd: the directory.
        out_dir: an existing directory for ``NAME.tar.zst.age`` and ``NAME.manifest.jsonl``.
        name: of the archive, and of the top directory in it.
        recipients: age recipients; whoever has one of their identities can open it.

    Returns:
        What was made. An archive of this name that is whole and equals the directory is
        kept and reported as reused.

    Raises:
        ArchiveProblem: it could not be made, or another one of this name is there.
    """
    started = time.monotonic()
    _refuse_arguments(name, recipients)
    tree = walk(directory_fd)
    if tree.objections:
        raise ArchiveProblem(
            f"the directory can't be archived: {'; '.join(tree.objections[:5])}",
            name,
            "Move what does not belong there, then run again.",
        )
    archive, manifest = (f"{out_dir}/{name}{end}" for end in (".tar.zst.age", ".manifest.jsonl"))
    try:
        with closing(open_directory(out_dir)) as out_fd:
            made = _existing(out_fd, archive, manifest, tree)
            reused = made is not None
            if made is None:
                made = _make(directory_fd, out_fd, name, tree, recipients)
    except OSError as error:
        raise ArchiveProblem(f"cannot write the archive: {error.strerror}", archive) from None
    return ArchiveReport(
        archive,
        manifest,
        made.files,
        made.directories,
        made.bytes,
        made.archive_bytes,
        made.archive_sha256,
        made.plain_sha256,
        reused,
        time.monotonic() - started,
    )


def _refuse_arguments(name: str, recipients: Sequence[str]) -> None:
    if not name or "/" in name or name in (".", "..") or "\0" in name:
        raise ArchiveProblem("not the name of an archive", name)
    wrong = [one for one in recipients if not _recipient(one)]
    if wrong or not recipients:
        raise ArchiveProblem(
            f"not an age recipient: {wrong[0]}" if wrong else "no age recipient is given",
            remedy="Set archive recipients to public keys (age1...), made with age-keygen.",
        )


def _existing(out_fd: int, archive: str, manifest: str, tree: Tree) -> Manifest | None:
    """Use an archive that is there; clear away what an interrupted run left."""
    name = os.path.basename(archive)
    if name not in os.listdir(out_fd):
        for left in (f".{name}.partial", f".{os.path.basename(manifest)}.partial"):
            _forget(out_fd, left)
        return None
    found = verify_on_disk(archive, manifest)
    if found.entries != _entries(tree):
        raise ArchiveProblem(
            "there is an archive of this name already, of other contents",
            archive,
            "Move it away, then run again.",
        )
    return found


def _forget(out_fd: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=out_fd)


def _entries(tree: Tree) -> dict[str, Entry]:
    return {node.path: entry_of(node) for node in tree.nodes}


def _make(
    directory_fd: int, out_fd: int, name: str, tree: Tree, recipients: Sequence[str]
) -> Manifest:
    archive, listing = f"{name}.tar.zst.age", f"{name}.manifest.jsonl"
    partial = f".{archive}.partial"
    entries = _entries(tree)
    try:
        with closing(os.open(partial, _NEW, 0o600, dir_fd=out_fd)) as fd:
            with Encryption(fd, recipients) as encryption:
                plain = _stream(directory_fd, entries, name, encryption)
                streamed, size = encryption.finish()
            os.fsync(fd)
        on_disk, size_on_disk = _hash_on_disk(partial, out_fd)
        if (on_disk, size_on_disk) != (streamed, size):
            raise ArchiveProblem("the archive on the disk is not what was written", archive)
        manifest = Manifest(
            name,
            datetime.now(timezone.utc).isoformat(timespec="seconds"),
            entries,
            sum(entry.size for entry in entries.values()),
            plain,
            on_disk,
            size_on_disk,
            tuple(recipients),
        )
        # The manifest first: an archive under its final name always has one.
        _write_file(out_fd, listing, dump(manifest))
        os.rename(partial, archive, src_dir_fd=out_fd, dst_dir_fd=out_fd)
        os.fsync(out_fd)
    except BaseException:
        _forget(out_fd, partial)
        raise
    return manifest


def _write_file(out_fd: int, name: str, content: bytes) -> None:
    partial = f".{name}.partial"
    _forget(out_fd, partial)
    with open(os.open(partial, _NEW, 0o600, dir_fd=out_fd), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(partial, name, src_dir_fd=out_fd, dst_dir_fd=out_fd)


def _stream(directory_fd: int, entries: dict[str, Entry], name: str, encryption: Encryption) -> str:
    """Write the tar stream; gives its digest."""
    digest = hashlib.sha256()

    def write(data: bytes) -> None:
        digest.update(data)
        encryption.write(data)

    with Beneath(directory_fd) as beneath:
        for entry in entries.values():
            write(tarstream.header(entry, name))
            if not entry.directory:
                for chunk in _checked(beneath, entry):
                    write(chunk)
                write(tarstream.padding(entry.size))
    write(tarstream.END)
    return digest.hexdigest()


def _checked(beneath: Beneath, entry: Entry) -> Iterator[bytes]:
    """Read a file; it must be what the manifest says to the last byte."""
    digest = hashlib.sha256()
    size = 0
    try:
        with closing(beneath.open_file(entry.path)) as fd:
            for chunk in chunks(fd):
                size += len(chunk)
                if size > entry.size:
                    break
                digest.update(chunk)
                yield chunk
    except (OSError, DirectoryProblem) as error:
        raise ArchiveProblem(f"cannot read a file: {error}", entry.path) from None
    if size != entry.size or digest.hexdigest() != entry.sha256:
        raise ArchiveProblem(
            "a file changed while it was archived", entry.path, "Look who writes there; run again."
        )


def verify_on_disk(archive_path: str, manifest_path: str) -> Manifest:
    """Hash an archive again and compare it with its manifest.

    Args:
        archive_path: of the encrypted file.
        manifest_path: of its manifest.

    Returns:
        The manifest. That the archive can be opened is only shown by :func:`check`.

    Raises:
        ArchiveProblem: the file is missing, damaged, or not the manifest's.
    """
    manifest = read_manifest(manifest_path)
    try:
        with _directory_of(archive_path) as fd:
            found = _hash_on_disk(os.path.basename(archive_path), fd)
    except (OSError, StoreError) as error:
        raise ArchiveProblem(f"cannot read the archive: {error}", archive_path) from None
    if found != (manifest.archive_sha256, manifest.archive_bytes):
        raise ArchiveProblem(
            "the archive is not what its manifest says",
            archive_path,
            "It is damaged: do not rely on it; make a new one while the directory is there.",
        )
    return manifest


@contextmanager
def _directory_of(path: str) -> Iterator[int]:
    with closing(open_directory(os.path.dirname(path) or ".")) as fd:
        yield fd


def _hash_on_disk(name: str, directory_fd: int) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with closing(os.open(name, flags, dir_fd=directory_fd)) as fd:
        # Drop the cached pages, so that what is hashed comes from the disk.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        for chunk in chunks(fd):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
