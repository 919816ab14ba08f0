"""An archive as it lies on the disk: hashed again, and held open while something relies on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sessionstore.archive.manifest import ALTERED, Manifest, read_manifest
from sessionstore.archive.sealed import compare_on_disk
from sessionstore.disk.mounts import in_memory
from sessionstore.disk.opening import closing, open_directory, open_regular
from sessionstore.errors import ArchiveProblem, StoreError, cause_of


def verify_on_disk(archive_path: str, manifest: str | Manifest) -> Manifest:
    """Hash an archive again. That it can be opened shows only :func:`sessionstore.archive.check.check`."""
    if isinstance(manifest, str):
        manifest = read_manifest(manifest)
    compare_on_disk(archive_path, (manifest.archive_sha256, manifest.archive_bytes), "archive")
    return manifest


@dataclass(frozen=True)
class Held:
    """An archive that was verified, and is held open for as long as something is removed for it."""

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
        if (there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns) != (
            mine.st_dev, mine.st_ino, self.manifest.archive_bytes, mine.st_mtime_ns,
        ):  # fmt: skip
            return (f"its archive {self.path} is not the file any more that was verified",)
        if in_memory(self.fd):
            where = "lies in memory, and goes with a power cut: archive to a disk"
            return (f"its archive {self.path} {where}",)
        return ()


@contextmanager
def held(archive_path: str, manifest_path: str) -> Iterator[Held]:
    """Verify an archive and hold it open; its manifest must be the very one that was written."""
    try:
        with closing(open_directory(os.path.dirname(archive_path) or ".")) as directory:
            fd = open_regular(os.path.basename(archive_path), directory)
    except (OSError, StoreError) as error:
        raise ArchiveProblem.because("cannot read the archive", error, archive_path) from None
    with closing(fd):
        manifest = verify_on_disk(archive_path, manifest_path)
        if not manifest.sha256:
            raise ArchiveProblem(
                ALTERED,
                manifest_path,
                "Move the archive and its manifest away, and archive the directory anew.",
            )
        yield Held(manifest, archive_path, fd)
