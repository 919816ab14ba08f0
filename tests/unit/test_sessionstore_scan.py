"""Scanning directories as they are met in the wild."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sessionstore.errors import DirectoryProblem
from sessionstore.grammar import Key
from sessionstore.scan import scan_directory
from sessionstore.tree import PROBLEMS, Problem

CREDS = {
    "me": {"id": "15550001111:7@s.whatsapp.net"},
    "registrationId": 1,
    "signedIdentityKey": {"public": "cA=="},
    "noiseKey": {"public": "cQ=="},
    "advSecretKey": "cg==",
    "nextPreKeyId": 31,
    "firstUnuploadedPreKeyId": 31,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of session files with one company of two keys."""
    root = tmp_path / "baileys_sessions"
    company(root / "company_962302")
    return root


def company(directory: Path) -> Path:
    """Write credentials and two keys."""
    directory.mkdir(parents=True)
    (directory / "creds.json").write_text(json.dumps(CREDS))
    (directory / "pre-key-1.json").write_text('{"a":1}')
    (directory / "session-15550002222.0.json").write_text('{"_sessions":{}}')
    return directory


def problems(root: Path) -> list[Problem]:
    """Everything a scan of root complains about."""
    with scan_directory(str(root)) as scan:
        return [*scan.problems, *(one for found in scan.companies for one in found.problems)]


def test_a_clean_directory(root: Path) -> None:
    """Companies, kinds, sizes and identity, and nothing to complain about."""
    with scan_directory(str(root)) as scan:
        found = scan.company("962302")
        assert found is not None and not scan.blocking and not found.blocking
        assert found.keys == 2 and found.counts.by_type == {"pre-key": 1, "session": 1}
        assert found.credentials is not None and found.credentials.clocks.next_pre_key == 31
        assert {entry.key for entry in found.files} == {
            None,
            Key("pre-key", "1"),
            Key("session", "15550002222.0"),
        }
        assert all(entry.sha256 and entry.value_sha256 for entry in found.files)
        assert scan.file_count == 3 and scan.bytes == sum(e.size for e in found.files)
        assert scan.allocated >= scan.bytes


def test_a_listing_reads_no_file(root: Path) -> None:
    """Fast, and works where contents may not be read."""
    (root / "company_962302" / "pre-key-1.json").write_text("broken")
    with scan_directory(str(root), contents=False) as scan:
        found = scan.companies[0]
        assert found.keys == 2 and found.credentials is None and not found.blocking
        assert not found.files and scan.bytes == 0


def test_a_flat_directory_is_whose_the_caller_says(tmp_path: Path) -> None:
    """Single-company services keep their files without a company directory."""
    company(tmp_path / "auth")
    with scan_directory(str(tmp_path / "auth"), flat_company="7") as scan:
        assert scan.company_ids == ("7",) and scan.companies[0].directory == "."
        assert not scan.companies[0].blocking
    with scan_directory(str(tmp_path / "auth")) as scan:
        assert scan.companies[0].company_id is None
    with scan_directory(str(company(tmp_path / "company_8"))) as scan:
        assert scan.company_ids == ("8",)


def test_a_scan_survives_a_rename(root: Path) -> None:
    """Setting aside renames the directory between scan and proof."""
    with scan_directory(str(root)) as scan:
        root.rename(root.with_name("elsewhere"))
        fd = scan.open_company(scan.companies[0])
        assert "creds.json" in {entry.name for entry in os.scandir(fd)}
        os.close(fd)


def test_a_replaced_company_directory_is_noticed(root: Path) -> None:
    """What was scanned is what must be imported."""
    with scan_directory(str(root)) as scan:
        (root / "company_962302").rename(root / "old")
        company(root / "company_962302")
        with pytest.raises(DirectoryProblem, match="replaced"):
            scan.open_company(scan.companies[0])


@pytest.mark.parametrize("kind", ["symlink", "missing", "file"])
def test_the_directory_itself_must_be_one(tmp_path: Path, kind: str) -> None:
    """A link could lead out of the application directory."""
    path = tmp_path / "sessions"
    if kind == "symlink":
        (tmp_path / "real").mkdir()
        path.symlink_to("real")
    elif kind == "file":
        path.write_text("")
    with pytest.raises(DirectoryProblem, match="symlink" if kind == "symlink" else "cannot open"):
        scan_directory(str(path))


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
        (_file("pre-key-3.json.bak"), None, False),
        (_file("creds.json.tmp", ""), None, False),
        (_file(".hidden"), None, False),
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


def test_a_bare_id_is_told_where_it_belongs(root: Path) -> None:
    """Rows use the bare id, directories do not: two spellings must not become two companies."""
    company(root / "962303")
    found = [one for one in problems(root) if one.kind == "unexpected place"]
    assert [one.detail for one in found] == [
        "not company_<id> at the top; company 962303 belongs in company_962303"
    ]
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


def test_a_hundred_thousand_files(tmp_path: Path) -> None:
    """A company of that size exists: every one is seen, in little memory and open descriptors."""
    number = 1_000_000 if os.environ.get("ROLLOUT_SOAK") else 100_000
    shared = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(dir=shared if os.access(shared, os.W_OK) else tmp_path))
    try:
        directory = company(place / "sessions" / "company_962302")
        fd = os.open(directory, os.O_RDONLY)
        for one in range(number):
            name = f"sender-key-{120363000000000000 + one}@g.us--15550001111--0.json"
            file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=fd)
            os.write(file, b'[{"senderKeyId":%d}]' % one)
            os.close(file)
        os.close(fd)
        listed, listing_bytes = _scanned_alone(directory.parent, contents=False)
        read, reading_bytes = _scanned_alone(directory.parent, contents=True)
    finally:
        shutil.rmtree(place)
    assert listed == read == number + 2
    # What an import takes of a listing does not grow with the directory.
    assert listing_bytes < 60e6
    assert reading_bytes < 40e6 + 200 * number


def _scanned_alone(directory: Path, *, contents: bool) -> tuple[int, int]:
    """Keys that a scan in a process of its own finds, and the most memory it took, in bytes."""
    script = (
        "import sys; from sessionstore.scan import scan_directory as scan\n"
        "with scan(sys.argv[1], contents=sys.argv[2] == 'True') as found: one = found.companies[0]\n"
        "assert not found.blocking and not one.blocking, found\n"
        "status = open('/proc/self/status').read()\n"
        "print(one.keys, status.partition('VmHWM:')[2].split()[0])"
    )
    command = [sys.executable, "-c", script, str(directory), str(contents)]
    keys, peak_kb = subprocess.check_output(command, text=True).split()
    return int(keys), int(peak_kb) * 1024


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


def test_descriptors_are_given_back(root: Path) -> None:
    """A long-lived program scans often."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        problems(root)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
