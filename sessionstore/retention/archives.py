"""The archives in a directory: what each holds, how old it is, whether it is whole."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timezone

from sessionstore.archive.manifest import ALTERED, Manifest, read_manifest
from sessionstore.archive.sealed import verify_on_disk, write_file
from sessionstore.disk.opening import closing, open_directory
from sessionstore.errors import ArchiveProblem
from sessionstore.keys.names import CREDENTIALS, DIRECTORY, company_of, decode
from sessionstore.scan.layout import is_artefact, litter, original_of

SEALED, LISTING, PRUNED = ".tar.zst.age", ".manifest.jsonl", ".pruned.json"

WHOLE = "whole"
UNCHECKED = "there"
DAMAGED = "damaged"
MISSING = "missing"
GONE = "pruned"
#: Every state of an archive, with what it means.
STATES: dict[str, str] = {
    WHOLE: "hashed now, and it is what its manifest says",
    UNCHECKED: "there, of the right size; not hashed",
    DAMAGED: "not what its manifest says, or the manifest was altered or can't be read",
    MISSING: "the manifest is there, the archive is not, and nothing says that it was pruned",
    GONE: "pruned; the manifest and the reason are kept",
}


@dataclass(frozen=True)
class Kept:
    """An encrypted file that is kept beside its manifest: an archive, or a backup of the database."""

    path: str  # of the encrypted file
    manifest: str  # path of the manifest
    #: of an archived directory, "" where the manifest can't be read; of a backup what it was made
    #: before, such as ``database-before-import``: its kind
    name: str
    state: str  # one of :data:`STATES`
    detail: str  # more, where the state is DAMAGED or GONE
    #: seconds since 1970, by the clock of the host that made it; None if unknown
    created: float | None


@dataclass(frozen=True)
class Archive(Kept):
    """An archive; as it is given here where the manifest can't be read."""

    files: int = 0
    bytes: int = 0
    archive_bytes: int = 0  # of the encrypted file, as the manifest says
    companies: tuple[str, ...] = ()  # bare ids of the companies that have session files in it
    #: for each creds.json in it, the company and the SHA-256 of the file: the pairing
    credentials: tuple[tuple[str, str], ...] = ()
    #: whether it holds files that are, or may hold, keys of nobody knows which company
    nameless: bool = True


def look(directory: str, *, hashed: bool, named: str = DIRECTORY) -> list[Archive]:
    """List the archives below a directory, the oldest first; if ``hashed``, each is read whole.

    In them directories are ``named`` after their companies.
    """
    found = [_archive(path, named, hashed=hashed) for path in manifests(directory, LISTING)]
    return sorted(found, key=age_order)


def manifests(directory: str, ending: str) -> list[str]:
    """Paths of the manifests in a directory of archives and in those below it, links not followed."""
    os.close(open_directory(directory))
    return [
        os.path.join(place, name)
        for place, _, names in os.walk(directory)
        for name in names
        if name.endswith(ending) and not name.startswith(".")
    ]


def age_order(one: Kept) -> tuple[float, str]:
    """Sorts the oldest first; what nobody can tell the age of comes before all."""
    return one.created or 0.0, one.manifest


def _archive(manifest_path: str, named: str, *, hashed: bool) -> Archive:
    path = manifest_path.removesuffix(LISTING) + SEALED
    try:
        manifest = read_manifest(manifest_path)
    except ArchiveProblem as error:
        return Archive(path, manifest_path, "", DAMAGED, error.what, None)
    state, detail = _state(path, manifest, hashed=hashed)
    created = seconds_of(manifest.created_at)
    companies, credentials, nameless = _companies(manifest, named)
    kept = (path, manifest_path, manifest.name, state, detail, created)
    sizes = (manifest.files, manifest.bytes, manifest.archive_bytes)
    return Archive(*kept, *sizes, companies, credentials, nameless)


def _state(path: str, manifest: Manifest, *, hashed: bool) -> tuple[str, str]:
    try:
        size = os.lstat(path).st_size
    except FileNotFoundError:
        return absent(path.removesuffix(SEALED))
    except OSError as error:
        return DAMAGED, error.strerror or ""
    if size != manifest.archive_bytes:
        return DAMAGED, f"{size:,} bytes, not {manifest.archive_bytes:,}"
    if not manifest.sha256:
        return DAMAGED, ALTERED
    try:
        if hashed:
            verify_on_disk(path, manifest)
    except ArchiveProblem as error:
        return DAMAGED, error.what
    return (WHOLE if hashed else UNCHECKED), ""


def absent(base: str) -> tuple[str, str]:
    """State and detail of an archive or a backup whose manifest is there, and it is not."""
    try:
        with open(base + PRUNED, encoding="utf-8") as file:
            return GONE, str(json.load(file)["why"])
    except FileNotFoundError:
        return MISSING, ""
    except (OSError, ValueError, LookupError, TypeError):
        return MISSING, "the note about its pruning can't be read"


def _companies(
    manifest: Manifest, named: str
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...], bool]:
    found, paired, nameless = set(), set(), False
    for path, entry in manifest.entries.items():
        parent, _, name = path.rpartition("/")
        company = company_of(os.path.basename(parent) if parent else manifest.name, named)
        if entry.directory or (litter(name) is not None and original_of(name) is None):
            continue
        # What is packed, or has another name, may be a pairing's last copy; beside its credentials an
        # artefact is what writers leave.
        known = name == CREDENTIALS or decode(name) is not None or is_artefact(name)
        if company is None or not known:
            nameless = True
            continue
        found.add(company)
        if name == CREDENTIALS:
            paired.add((company, entry.sha256))
    return tuple(sorted(found)), tuple(sorted(paired)), nameless


def seconds_of(text: str) -> float | None:
    """A manifest's time as seconds since 1970; None where it is no time with a zone."""
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo else None


def discard(path: str, why: str) -> None:
    """Delete ``NAME.KIND.zst.age``; its manifest stays, with a note that says why."""
    directory, name = os.path.split(path)
    base = name.rsplit(".", 3)[0]
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    note = json.dumps({"pruned_at": at, "why": why}).encode("ascii") + b"\n"
    with ArchiveProblem.instead("cannot delete it", path), closing(open_directory(directory)) as fd:
        # The note first: an archive that is gone without one counts as missing.
        write_file(fd, base + PRUNED, note)
        os.unlink(name, dir_fd=fd)
        os.fsync(fd)
