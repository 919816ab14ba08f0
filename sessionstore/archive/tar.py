"""Writing a tar stream: POSIX (PAX) headers with exact times and any file name.

Written here rather than with ``tarfile``, which is several times slower with many small
files and rounds times to floating point. Any tar program reads the result.
"""

from __future__ import annotations

import os
import stat

from sessionstore.archive.manifest import Entry
from sessionstore.disk.xattrs import Attributes, to_pax
from sessionstore.errors import half_a_pair

BLOCK = 512
END = bytes(2 * BLOCK)
_OCTAL_8 = 0o7777777
_OCTAL_12 = 0o77777777777


def header(entry: Entry, name: str, attributes: Attributes = ()) -> bytes:
    """All header blocks of one member: a PAX header, then the member's own."""
    path = os.fsencode(name if entry.path == "." else f"{name}/{entry.path}")
    if entry.directory:
        path += b"/"
    seconds, nanoseconds = divmod(entry.mtime_ns, 1_000_000_000)
    records = [("mtime", f"{seconds}.{nanoseconds:09}".encode("ascii"))]
    if len(path) > 100 or not path.isascii():
        records.append(("path", path))
        if half_a_pair(path.decode("utf-8", "surrogateescape")):
            records.insert(0, ("hdrcharset", b"BINARY"))
    for field, value, limit in (
        ("uid", entry.uid, _OCTAL_8),
        ("gid", entry.gid, _OCTAL_8),
        ("size", entry.size, _OCTAL_12),
    ):
        if value > limit:
            records.append((field, str(value).encode("ascii")))
    records.extend(to_pax(attributes))
    extended = b"".join(_record(field, value) for field, value in records)
    return (
        _block(b"PaxHeaders/" + path[-80:].strip(b"/").replace(b"/", b"_"), b"x", len(extended))
        + extended
        + padding(len(extended))
        + _member(entry, path, seconds)
    )


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def _record(field: str, value: bytes) -> bytes:
    body = b" " + os.fsencode(field) + b"=" + value + b"\n"
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode("ascii") + body


def _member(entry: Entry, path: bytes, seconds: int) -> bytes:
    return _block(
        path[:100],
        b"5" if entry.directory else b"0",
        entry.size if entry.size <= _OCTAL_12 else 0,
        mode=stat.S_IMODE(entry.mode),
        uid=entry.uid if entry.uid <= _OCTAL_8 else 0,
        gid=entry.gid if entry.gid <= _OCTAL_8 else 0,
        seconds=min(max(seconds, 0), _OCTAL_12),
    )


def _block(
    path: bytes,
    kind: bytes,
    size: int,
    *,
    mode: int = 0o600,
    uid: int = 0,
    gid: int = 0,
    seconds: int = 0,
) -> bytes:
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, uid, gid, size, seconds)
    block = path.ljust(100, b"\0") + numbers + b" " * 8 + kind + bytes(100) + b"ustar\x0000"
    checksum = b"%06o\0 " % sum(block)
    return block[:148] + checksum + block[156:].ljust(BLOCK - 156, b"\0")
