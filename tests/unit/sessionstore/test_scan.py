"""Scanning directories as they are met in the wild."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sessionstore.errors import DirectoryProblem
from sessionstore.keys.names import Key
from sessionstore.scan.layout import Layout
from sessionstore.scan.scan import scan_directory

from ..scanned_directory import company, problems


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


def test_a_listing_reads_no_key(root: Path) -> None:
    """Fast; whose pairing it is has to be known all the same."""
    (root / "company_962302" / "pre-key-1.json").write_text("broken")
    with scan_directory(str(root), contents=False) as scan:
        found = scan.companies[0]
        assert found.keys == 2 and found.credentials is not None and not found.blocking
        assert not found.files


def test_a_flat_directory_is_whose_the_caller_says(tmp_path: Path) -> None:
    """Single-company services keep their files without a company directory."""
    company(tmp_path / "auth")
    with scan_directory(str(tmp_path / "auth"), layout=Layout({".": "7"})) as scan:
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


@pytest.mark.parametrize("kind", ["symlink", "symlink/", "symlink//", "missing", "file"])
def test_the_directory_itself_must_be_one(tmp_path: Path, kind: str) -> None:
    """A link could lead out of the application directory."""
    path = tmp_path / "sessions"
    if kind.startswith("symlink"):
        (tmp_path / "real").mkdir()
        path.symlink_to("real")
    elif kind == "file":
        path.write_text("")
    slashes = "/" * kind.count("/")
    with pytest.raises(DirectoryProblem, match="symlink" if path.is_symlink() else "cannot open"):
        scan_directory(f"{path}{slashes}")


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
    assert reading_bytes < 60e6 + 200 * number


def _scanned_alone(directory: Path, *, contents: bool) -> tuple[int, int]:
    """Keys that a scan in a process of its own finds, and the most memory it took, in bytes."""
    script = (
        "import sys; from sessionstore.scan.scan import scan_directory as scan\n"
        "with scan(sys.argv[1], contents=sys.argv[2] == 'True') as found: one = found.companies[0]\n"
        "assert not found.blocking and not one.blocking, found\n"
        "status = open('/proc/self/status').read()\n"
        "print(one.keys, status.partition('VmHWM:')[2].split()[0])"
    )
    command = [sys.executable, "-c", script, str(directory), str(contents)]
    keys, peak_kb = subprocess.check_output(command, text=True).split()
    return int(keys), int(peak_kb) * 1024


def test_descriptors_are_given_back(root: Path) -> None:
    """A long-lived program scans often."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        problems(root)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("names", ["holes", "further names"])
def test_a_directory_that_takes_hours_to_read_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    """Neither holes nor further names of a file take room: no disk limits how many there are."""
    monkeypatch.setattr("sessionstore.disk.opening.LARGEST_DIRECTORY", 64 << 20)
    for number in range(9):
        path = root / "company_962302" / f"pre-key-{number + 10}.json"
        if names == "holes" or not number:
            path.touch()
            os.truncate(path, 8 << 20)
        else:
            os.link(path.with_name("pre-key-10.json"), path)
    with pytest.raises(DirectoryProblem, match="more than 4 GiB"):
        scan_directory(str(root))
