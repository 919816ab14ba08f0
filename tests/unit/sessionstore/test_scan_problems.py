"""What a scan is never silent about: files that are no keys, or that can't be trusted."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sessionstore.scan.result import PROBLEMS
from sessionstore.scan.scan import scan_directory

from ..scanned_directory import CREDS, company, problems


def _file(name: str, content: str | bytes = "{}") -> Callable[[Path], None]:
    raw = content.encode() if isinstance(content, str) else content
    return lambda directory: void((directory / name).write_bytes(raw))


def void(_: object) -> None:
    """Drop a result."""


def _socket(directory: Path) -> None:
    here = Path.cwd()
    os.chdir(directory)  # The path of a socket is limited to 107 bytes.
    try:
        socket.socket(socket.AF_UNIX).bind("s")
    finally:
        os.chdir(here)


def _device(kind: int) -> Callable[[Path], None]:
    def make(directory: Path) -> None:
        try:
            os.mknod(directory / "pre-key-8.json", kind | 0o600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("making devices needs root")

    return make


def _hard_link(directory: Path) -> None:
    (directory / "pre-key-2.json").hardlink_to(directory / "pre-key-1.json")


def _creds(**changes: object) -> Callable[[Path], None]:
    return _file("creds.json", json.dumps({**CREDS, **changes}))


def _holes(name: str) -> Callable[[Path], None]:
    """A file that takes no room and has no end: its copy would fill the disk."""

    def change(directory: Path) -> None:
        with (directory / name).open("wb") as file:
            file.truncate(1 << 40)

    return change


def _mixed_depth(directory: Path) -> None:
    deep = directory
    for _ in range(9):
        deep /= "d"
    deep.mkdir(parents=True)


@pytest.mark.parametrize(
    ("change", "kind", "blocks"),
    [
        (_file("notes.txt"), "unknown file", True),
        (_file("pre-key-0.json"), "unknown file", True),
        (_file("pre-key-1.json.bak"), None, False),
        (_file("pre-key-3.json.bak"), "only copy", True),
        (_file(".pre-key-3.json.Xa12b", ""), "only copy", True),
        (lambda d: (d / "creds.json").rename(d / "creds.json.tmp"), "only copy", True),
        (_file("._pre-key-3.json"), "litter", False),
        (_file("Thumbs.db"), "litter", True),
        (_file("pre-key-1 (1).json"), "litter", True),
        (lambda d: (d.parent / "__MACOSX" / "company_9").mkdir(parents=True), "litter", True),
        (_file("pre-key-9.json", "null"), "no key", False),
        (_file("pre-key-9.json", "{}"), "no key", False),
        (_file("session-1.0.json", "7"), "no key", False),
        (_file("lid-mapping-1.json", "7"), "no key", False),
        (_file("sender-key-memory-1@g.us.json", "{}"), None, False),
        (_file("lid-mapping-1.json", '"2"'), None, False),
        (_file("device-list-1.json", "[]"), None, False),
        (lambda d: void(company(d.parent / "company_5")), "pairing twice", True),
        (_file("creds.json.tmp", ""), None, False),
        (_file(".hidden"), None, False),
        (_holes("pre-key-1.json.tmp"), "holes", True),
        (_holes(".hidden"), "holes", True),
        (_file("creds.json.backup.2025", "x"), None, False),
        (_file(os.fsdecode(b"pre-key-\xff.json")), "name not UTF-8", True),
        (lambda d: (d / "link").symlink_to("/etc/passwd"), "not a regular file", True),
        (lambda d: (d / "pre-key-5.json").symlink_to("pre-key-1.json"), "not a regular file", True),
        (lambda d: (d / "dangling").symlink_to("nowhere"), "not a regular file", True),
        (lambda d: os.mkfifo(d / "pre-key-6.json"), "not a regular file", True),
        (_socket, "not a regular file", True),
        (lambda d: (d / "loop").symlink_to("loop"), "not a regular file", True),
        (lambda d: (d / "up").symlink_to("../.."), "not a regular file", True),
        (lambda d: (d / "company_7").symlink_to(d), "not a regular file", True),
        (_device(stat.S_IFCHR), "not a regular file", True),
        (_device(stat.S_IFBLK), "not a regular file", True),
        (_hard_link, "hard link", False),
        (_file(".baileys-cache.json"), "credentials cache", False),
        (lambda d: _file(".baileys-cache.json")(d.parent), "credentials cache", False),
        (lambda d: void(company(d.parent / "962303")), "unexpected place", True),
        (lambda d: void(company(d.parent / "962302")), "unexpected place", True),
        (lambda d: (d / "sub").mkdir(), "unknown directory", True),
        (lambda d: void(company(d / "company_5")), "unexpected place", True),
        (lambda d: void(company(d.parent / "old" / "company_962302")), "company twice", True),
        (lambda d: void(company(d.parent / "strange")), "unexpected place", True),
        (lambda d: (d.parent / "README").write_text(""), "unknown file", True),
        (_mixed_depth, "too deep", True),
        (lambda d: (d / "creds.json").unlink(), "no credentials", True),
        (_file("creds.json", ""), "empty", True),
        (_file("creds.json", '{"me":{"id'), "truncated", True),
        (_creds(me=None), "not registered", True),
        (_creds(me={"name": "x"}), "not registered", True),
        (_creds(noiseKey=None), "not credentials", True),
        (_creds(nextPreKeyId="31"), "not credentials", True),
        (_file("creds.json", "[]"), "not credentials", True),
        (_file("pre-key-1.json", ""), "empty", True),
        (_file("pre-key-1.json", '{"a":'), "truncated", True),
        (_file("pre-key-1.json", '{"a":1}x'), "trailing garbage", True),
        (_file("pre-key-1.json", '{"a":"\\u0000"}'), "not storable", True),
        (_file("pre-key-1.json", '{"a":"\\ud83e"}'), "not storable", True),
    ],
)
def test_what_is_not_as_it_should_be_is_named(
    root: Path, change: Callable[[Path], object], kind: str | None, blocks: bool
) -> None:
    """A file that is passed over in silence is a key that is lost in silence."""
    change(root / "company_962302")
    found = problems(root)
    assert any(problem.blocks for problem in found) == blocks
    assert all(problem.kind in PROBLEMS for problem in found)
    if kind:
        assert kind in [problem.kind for problem in found]
    told = [(problem.kind, problem.where) for problem in found]
    assert len(told) == len(set(told)), "told twice"


def test_a_bare_id_is_told_where_it_belongs(root: Path) -> None:
    """Rows use the bare id, directories do not: two spellings must not become two companies."""
    company(root / "962303")
    found = [one for one in problems(root) if one.kind == "unexpected place"]
    assert [one.where for one in found] == ["962303"]
    assert '"companies": {"962303": "ID"}' in found[0].detail
    with scan_directory(str(root)) as scan:
        assert scan.company_ids == ("962302",)


def test_a_file_that_is_written_to_is_never_taken_half(root: Path) -> None:
    """Either one state of it or the other; in between it says so and blocks."""
    path = root / "company_962302" / "pre-key-1.json"
    states = [json.dumps({"a": char * 50_000}).encode() for char in "xyz"]
    path.write_bytes(states[0])
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            for state in states:
                path.write_bytes(state)

    writer = threading.Thread(target=write)
    writer.start()
    whole = {hashlib.sha256(state).hexdigest() for state in states}
    try:
        for _ in range(60):
            with scan_directory(str(root)) as scan:
                found = scan.companies[0]
                digest = next(one.sha256 for one in found.files if one.name == path.name)
                assert digest in whole or found.blocking
    finally:
        done.set()
        writer.join()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("what", ["directory", "file"])
def test_a_bind_mount_is_not_taken_for_the_companys_own(
    root: Path, tmp_path: Path, what: str
) -> None:
    """On the same file system no device number shows it; what lies there belongs elsewhere."""
    there = root / "company_962302" / ("d" if what == "directory" else "pre-key-9.json")
    elsewhere = tmp_path / "elsewhere"
    for place in (there, elsewhere):
        if what == "directory":
            place.mkdir()
        else:
            place.write_text("{}")
    if subprocess.run(["mount", "--bind", elsewhere, there], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        found = problems(root)
    finally:
        subprocess.run(["umount", there], check=True)
    assert "another file system" in [one.kind for one in found if one.blocks]


@pytest.mark.skipif(os.geteuid() != 0, reason="chattr needs root")
def test_an_immutable_file_is_read_like_any_other(root: Path) -> None:
    """It matters for removal only, which asks for it by itself."""
    path = root / "company_962302" / "pre-key-1.json"
    if subprocess.run(["chattr", "+i", path], check=False, capture_output=True).returncode:
        pytest.skip("this file system has no immutable files")
    try:
        assert not problems(root)
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


def test_an_unreadable_file_blocks(root: Path) -> None:
    """Nobody can tell what is in it."""
    (root / "company_962302" / "pre-key-1.json").chmod(0)
    directory = os.open(root, os.O_RDONLY)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)  # Root may read everything.
    try:
        with scan_directory(directory, label="sessions") as scan:
            found = [problem.kind for problem in scan.companies[0].problems]
    finally:
        os.seteuid(me)
        os.close(directory)
    assert found == ["unreadable"]
