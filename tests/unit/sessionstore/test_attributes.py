"""Extended attributes come back with a directory: without its ACL a file's mode opens it to others."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.archive import create
from sessionstore.archive.check import check
from sessionstore.archive.extract import extract
from sessionstore.disk import xattrs
from sessionstore.disk.opening import closing, open_directory
from sessionstore.errors import ArchiveProblem
from tests.age import new_identity

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to set capabilities")
pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")


def acl(user: int) -> bytes:
    """An ACL as the kernel has it (linux/posix_acl_xattr.h): one more user may read."""
    anybody = 0xFFFFFFFF
    entries = [(1, 7, anybody), (2, 4, user), (4, 0, anybody), (16, 4, anybody), (32, 0, anybody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)


# CAP_NET_BIND_SERVICE, revision 2 (linux/capability.h).
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
SET: dict[str, dict[str, bytes]] = {
    ".": {"system.posix_acl_default": acl(1234)},
    "company_1": {"trusted.note": b"\x00\xff\n=%"},
    "company_1/creds.json": {"system.posix_acl_access": acl(1234), "trusted.a=b%3D": b""},
    "company_1/run": {"security.capability": CAPABILITY},
    "company_1/plain": {},
}


def attributes_of(root: Path) -> dict[str, dict[str, bytes]]:
    """What each file and directory has."""
    return {
        path: {n: os.getxattr(root / path, n) for n in os.listxattr(root / path)} for path in SET
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with attributes of every kind."""
    root = tmp_path / "sessions"
    (root / "company_1").mkdir(parents=True)
    for name in ("creds.json", "run", "plain"):
        (root / "company_1" / name).write_text(name)
    for path, wanted in SET.items():
        for name, value in wanted.items():
            try:
                os.setxattr(root / path, name, value)
            except OSError as error:
                assert error.errno == errno.ENOTSUP, error
                pytest.skip(f"the file system of {tmp_path} takes no {name}")
    return root


def archived(source: Path, tmp_path: Path) -> tuple[str, str, str]:
    """The directory's archive, its manifest, and the identity that opens it."""
    recipient = new_identity(tmp_path / "identity")
    (tmp_path / "archives").mkdir()
    with closing(open_directory(str(source))) as fd:
        made = create.create(fd, str(tmp_path / "archives"), source.name, [recipient])
    return made.archive, made.manifest, str(tmp_path / "identity")


@needs_root
def test_they_come_back_exactly(source: Path, tmp_path: Path) -> None:
    """Neither lost, nor taken over from where the directory is put."""
    kept = archived(source, tmp_path)
    check(*kept)
    inheriting = tmp_path / "elsewhere"
    inheriting.mkdir()
    os.setxattr(inheriting, "system.posix_acl_default", acl(4321))
    extract(*kept, str(inheriting / "back"))
    assert attributes_of(inheriting / "back") == SET
    mode = (inheriting / "back" / "company_1" / "creds.json").stat().st_mode
    assert mode == (source / "company_1" / "creds.json").stat().st_mode


@needs_root
def test_gnu_tar_reads_them(source: Path, tmp_path: Path) -> None:
    """Whoever opens an archive in ten years has tar, and may not have this program."""
    sealed, _, identity = archived(source, tmp_path)
    (tmp_path / "by-tar").mkdir()
    tar = "tar -xp --xattrs --xattrs-include='*' -C \"$3\""
    script = f'age -d -i "$2" "$1" | zstd -dc | {tar}'
    subprocess.run(["sh", "-ec", script, "sh", sealed, identity, tmp_path / "by-tar"], check=True)
    found = attributes_of(tmp_path / "by-tar" / "sessions")
    assert found["company_1/run"] == SET["company_1/run"]
    assert found["company_1"]["trusted.note"] == SET["company_1"]["trusted.note"]
    creds = found["company_1/creds.json"]
    assert creds["system.posix_acl_access"] == acl(1234) and creds["trusted.a=b%3D"] == b""


@needs_root
def test_what_can_not_be_put_back_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that would come back open to others does not come back."""
    kept = archived(source, tmp_path)

    def refuse(fd: int, name: str, value: bytes) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(ArchiveProblem, match="can't be put back") as problem:
        extract(*kept, str(tmp_path / "back"))
    assert "a file system of the same kind" in problem.value.remedy
    assert not list(tmp_path.glob("back*"))


@given(st.dictionaries(st.text("ab.=%3D25é\udcff", min_size=1), st.binary(max_size=40)))
def test_any_name_and_value_survives_the_pax_form(given_ones: Mapping[str, bytes]) -> None:
    """Names hold ``=``, values hold anything."""
    wanted = tuple(sorted(given_ones.items()))
    headers = {
        keyword: value.decode("utf-8", "surrogateescape")
        for keyword, value in xattrs.to_pax(wanted)
    }
    assert len(headers) == len(wanted) and not any("=" in keyword for keyword in headers)
    assert xattrs.from_pax(headers) == wanted
