"""Archiving a directory: one encrypted tar file and a manifest that it is checked against.

Every file is hashed twice, once for the manifest and once while it goes into the stream;
the file on disk is hashed again after it was flushed. Nothing is read by path: only
through the directory's descriptor.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from sessionstore.archive import sealed, tar
from sessionstore.archive.encryption import Encryption
from sessionstore.archive.manifest import Entry, Manifest, dump, entry_of
from sessionstore.disk import xattrs
from sessionstore.disk.opening import closing
from sessionstore.disk.reading import identity
from sessionstore.disk.walk import Beneath, Tree, chunks, walk
from sessionstore.errors import ArchiveProblem, DirectoryProblem, printable
from sessionstore.garbage import without_collector


@dataclass(frozen=True)
class ArchiveReport:
    archive: str  # path of the encrypted file
    manifest: str  # path of its manifest
    files: int
    directories: int
    bytes: int
    archive_bytes: int  # of the encrypted file
    archive_sha256: str  # of the encrypted file as it lies on the disk
    plain_sha256: str  # of the tar stream in it
    manifest_sha256: str  # of the manifest's lines; "" where nobody can tell that it is as written
    reused: bool  # whether it was there already
    seconds: float


@without_collector()
def create(directory_fd: int, out_dir: str, name: str, recipients: Sequence[str]) -> ArchiveReport:
    """Archive all below a directory, for age recipients; one that is whole and equals it is kept."""
    started = time.monotonic()
    sealed.refuse_arguments(name, recipients)
    tree = walk(directory_fd)
    if tree.objections:
        what = f"the directory can't be archived: {'; '.join(tree.objections[:5])}"
        remedy = "Mend that (as root: sudo), or move what does not belong there, then run again."
        raise ArchiveProblem(what, name, remedy)
    archive, manifest = (f"{out_dir}/{name}{end}" for end in (".tar.zst.age", ".manifest.jsonl"))
    with (
        ArchiveProblem.instead("cannot write the archive", archive),
        sealed.exclusive(out_dir) as out_fd,
    ):
        _refuse_inside(tree, out_fd, out_dir)
        there = _existing(out_fd, archive, manifest, tree, recipients)
        made = there or _make(directory_fd, out_fd, name, tree, recipients)
    return ArchiveReport(
        archive,
        manifest,
        **made.totals,
        archive_bytes=made.archive_bytes,
        archive_sha256=made.archive_sha256,
        plain_sha256=made.plain_sha256,
        manifest_sha256=made.sha256,
        reused=there is not None,
        seconds=time.monotonic() - started,
    )


def _refuse_inside(tree: Tree, out_fd: int, out_dir: str) -> None:
    """An archive in the directory that it is of would be removed together with it."""
    if identity(os.fstat(out_fd)) in tree.identities:
        what = "the archive would lie in the directory that it is of"
        raise ArchiveProblem(what, out_dir, "Name another directory: --out")


def _existing(
    out_fd: int, archive: str, manifest: str, tree: Tree, recipients: Sequence[str]
) -> Manifest | None:
    """Use an archive that is there; clear away what an interrupted run left."""
    name = os.path.basename(archive)
    if name not in os.listdir(out_fd):
        for left in map(sealed.partial_of, (name, os.path.basename(manifest))):
            sealed.forget(out_fd, left)
        return None
    found = sealed.verify_on_disk(archive, manifest)
    # Kept, it would be an archive that a new recipient's identity can't open.
    unknown = sorted(set(recipients) - set(found.recipients))
    different = _difference(found.entries, _entries(tree))
    if unknown or different is not None:
        why = f"which is not encrypted to {unknown[0]}" if unknown else ""
        what = "there is an archive of this name already, "
        what += why or f"in which {printable(str(different))} differs"
        raise ArchiveProblem(what, archive, "Move it away, then run again.")
    return found


def _difference(archived: Mapping[str, Entry], there: Mapping[str, Entry]) -> str | None:
    """The first path that differs; a directory's own time moves when something comes and goes again."""
    if archived == there:
        return None
    paths = sorted(archived.keys() | there.keys())
    differs = (one for one in paths if _timeless(archived.get(one)) != _timeless(there.get(one)))
    return next(differs, None)


def _timeless(entry: Entry | None) -> Entry | None:
    return entry._replace(mtime_ns=0) if entry and entry.directory else entry


def _entries(tree: Tree) -> dict[str, Entry]:
    return {node.path: entry_of(node) for node in tree.nodes}


def _make(
    directory_fd: int, out_fd: int, name: str, tree: Tree, recipients: Sequence[str]
) -> Manifest:
    archive, listing = f"{name}.tar.zst.age", f"{name}.manifest.jsonl"
    entries = _entries(tree)
    plain: list[str] = []

    def feed(encryption: Encryption) -> None:
        plain.append(_stream(directory_fd, entries, name, encryption))

    try:
        on_disk, size_on_disk = sealed.seal(out_fd, archive, recipients, feed)
        manifest = Manifest(
            name,
            datetime.now(timezone.utc).isoformat(timespec="seconds"),
            entries,
            sum(entry.size for entry in entries.values()),
            plain[0],
            on_disk,
            size_on_disk,
            tuple(recipients),
        )
        # The manifest first: an archive under its final name always has one.
        content = dump(manifest)
        sealed.write_file(out_fd, listing, content)
        sealed.publish(out_fd, archive)
    except BaseException:
        sealed.forget(out_fd, sealed.partial_of(archive))
        raise
    last = content[content.rindex(b"\n", 0, -1) :]
    return replace(manifest, sha256=json.loads(last)["manifest_sha256"])


def _stream(directory_fd: int, entries: dict[str, Entry], name: str, encryption: Encryption) -> str:
    digest = hashlib.sha256()

    def write(data: bytes) -> None:
        digest.update(data)
        encryption.write(data)

    what = "cannot read a file, or its extended attributes"
    with Beneath(directory_fd) as beneath:
        for entry in entries.values():
            try:
                with closing(beneath.open(entry.path, directory=entry.directory)) as fd:
                    write(tar.header(entry, name, xattrs.read(fd)))
                    if not entry.directory:
                        for chunk in _checked(fd, entry):
                            write(chunk)
                        write(tar.padding(entry.size))
            except (OSError, DirectoryProblem) as error:
                raise ArchiveProblem.because(what, error, entry.path) from None
    write(tar.END)
    return digest.hexdigest()


def _checked(fd: int, entry: Entry) -> Iterator[bytes]:
    """Read a file; it must be what the manifest says to the last byte."""
    digest = hashlib.sha256()
    size = 0
    for chunk in chunks(fd):
        size += len(chunk)
        if size > entry.size:
            break
        digest.update(chunk)
        yield chunk
    if size != entry.size or digest.hexdigest() != entry.sha256:
        remedy = "Look who writes there; run again."
        raise ArchiveProblem("a file changed while it was archived", entry.path, remedy)
