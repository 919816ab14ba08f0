"""The manifest of an archive: JSON lines, one for each file and directory.

First line: what it is. Then one line for each directory and file. Last line: totals and
the digests of the plain tar stream and of the archive on disk. A manifest without its last
line was cut off and counts for nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple, get_type_hints

from sessionstore.disk.opening import open_regular
from sessionstore.disk.walk import Node
from sessionstore.errors import ArchiveProblem, half_a_pair
from sessionstore.garbage import without_collector

FORMAT = "baileys-rollout archive 1"
#: What is said of a manifest without a digest that fits.
ALTERED = "the manifest was altered since it was written, or is of a time before that could be told"
#: Lines that are parsed at a time.
_BLOCK = 1000


class Entry(NamedTuple):
    path: str  # below the archived directory; "." for itself
    directory: bool  # whether it is one
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int  # in bytes; 0 for a directory
    sha256: str  # of a file's bytes; "" for a directory


@dataclass(frozen=True)
class Manifest:
    name: str  # of the archived directory
    created_at: str  # ISO 8601, UTC
    entries: dict[str, Entry]
    bytes: int  # sum of the file sizes
    plain_sha256: str  # of the tar stream
    archive_sha256: str  # of the encrypted file on disk
    archive_bytes: int  # its size
    recipients: tuple[str, ...]  # to whom it is encrypted
    #: of all its lines, where it stands in the last one; "" where it does not or does not fit
    sha256: str = ""

    @property
    def files(self) -> int:
        return sum(1 for entry in self.entries.values() if not entry.directory)

    @property
    def directories(self) -> int:
        """The archived one included."""
        return len(self.entries) - self.files

    @property
    def totals(self) -> dict[str, int]:
        return {"files": self.files, "directories": self.directories, "bytes": self.bytes}


def kinds_of(record: type) -> dict[str, type]:
    """The fields of a record that are texts or numbers, with what they have to be in JSON."""
    hints = get_type_hints(record).items()
    return {name: kind for name, kind in hints if kind in (str, int, bool)}


# A list in the place of a number ended the daily check in a traceback.
_KINDS = tuple(kinds_of(Entry).values())
_ALWAYS = ("mode", "uid", "gid", "mtime_ns")
_always = itemgetter(*_ALWAYS)


def entry_of(node: Node) -> Entry:
    status = node.status
    return Entry(
        node.path,
        node.is_directory,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_mtime_ns,
        0 if node.is_directory else status.st_size,
        node.sha256,
    )


def dump(manifest: Manifest) -> bytes:
    head = {"format": FORMAT, "name": manifest.name, "created_at": manifest.created_at}
    tail = {
        "totals": manifest.totals,
        "plain_sha256": manifest.plain_sha256,
        "archive_sha256": manifest.archive_sha256,
        "archive_bytes": manifest.archive_bytes,
        "recipients": list(manifest.recipients),
    }
    lines = [head, *(_line(entry) for entry in manifest.entries.values())]
    written = b"".join(json.dumps(line).encode("ascii") + b"\n" for line in lines)
    tail["manifest_sha256"] = _seal(hashlib.sha256(written), tail)
    return written + json.dumps(tail).encode("ascii") + b"\n"


def _seal(lines: hashlib._Hash, tail: Mapping[str, object]) -> str:
    """The digest of every line, the last without this digest."""
    rest = {name: value for name, value in tail.items() if name != "manifest_sha256"}
    lines.update(json.dumps(rest, sort_keys=True).encode("ascii"))
    return lines.hexdigest()


def _line(entry: Entry) -> dict[str, Any]:
    line: dict[str, Any] = {"path": entry.path}
    if half_a_pair(entry.path):
        line = {"path_base64": base64.b64encode(os.fsencode(entry.path)).decode("ascii")}
    line["type"] = "directory" if entry.directory else "file"
    line.update((name, getattr(entry, name)) for name in _ALWAYS)
    if not entry.directory:
        line["size"] = entry.size
        line["sha256"] = entry.sha256
    return line


@without_collector()
def read_manifest(path: str) -> Manifest:
    """Read a manifest file, not by a symlink, that is whole and does not contradict itself."""
    try:
        # A line at a time: that of a million files is larger than all else that a check holds.
        with (
            ArchiveProblem.instead("cannot read the manifest", path),
            open(open_regular(path), "rb") as lines,
        ):
            return _parse(lines)
    except (ValueError, LookupError, TypeError, AttributeError):
        remedy = "Do not rely on this archive; make a new one while the directory is there."
        raise ArchiveProblem("the manifest is damaged or was cut off", path, remedy) from None


def _parse(lines: Iterator[bytes]) -> Manifest:
    first = next(lines, b"")
    head, digest = json.loads(first), hashlib.sha256(first)
    if head["format"] != FORMAT:
        raise ValueError("not a manifest of a known format")
    entries: dict[str, Entry] = {}
    described, tail = 0, None
    for block in _blocks(lines, digest):
        if tail is not None:
            block.insert(0, tail)
        tail = block.pop()
        found = list(map(_entry, block))
        for kind, column in zip(_KINDS, zip(*found, strict=True), strict=False):
            if {*map(type, column)} != {kind}:
                raise TypeError("a figure or a name of an entry is none")
        entries.update((entry.path, entry) for entry in found)
        described += len(block)
    if tail is None:
        raise ValueError("cut off after its first line")
    sealed = _seal(digest, tail)
    manifest = Manifest(
        head["name"],
        head["created_at"],
        entries,
        tail["totals"]["bytes"],
        tail["plain_sha256"],
        tail["archive_sha256"],
        tail["archive_bytes"],
        tuple(tail["recipients"]),
        sealed if sealed == tail.get("manifest_sha256") else "",
    )
    counted = {**manifest.totals, "bytes": sum(entry.size for entry in entries.values())}
    if tail["totals"] != counted or len(entries) != described:
        raise ValueError("the totals do not fit")
    texts = (manifest.name, manifest.created_at, manifest.plain_sha256, manifest.archive_sha256)
    own = tail.get("manifest_sha256", "")
    if {type(one) for one in (*texts, own, *manifest.recipients)} != {str}:
        raise TypeError("what must be text is none")
    if type(manifest.archive_bytes) is not int:
        raise TypeError("a size is no number")
    return manifest


def _blocks(lines: Iterator[bytes], digest: hashlib._Hash) -> Iterator[list[dict[str, Any]]]:
    """Parse many lines as one JSON array: twice as fast as one by one; digest all but the last."""
    last = b""
    while block := list(islice(lines, _BLOCK)):
        digest.update(b"".join((last, *block[:-1])))
        last = block[-1]
        if not block[-1].endswith(b"\n"):
            raise ValueError("the last line was cut off")
        parsed: list[dict[str, Any]] = json.loads(b"[%s]" % b",".join(block))
        if len(parsed) != len(block):
            raise ValueError("a line is not one object")
        yield parsed


def _entry(line: dict[str, Any]) -> Entry:
    encoded = line.get("path_base64")
    path = os.fsdecode(base64.b64decode(encoded)) if encoded else line["path"]
    directory = line["type"] == "directory"
    content = (0, "") if directory else (line["size"], line["sha256"])
    return Entry(path, directory, *_always(line), *content)
