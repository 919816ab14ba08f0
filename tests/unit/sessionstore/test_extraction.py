"""An archive gives its directory back exactly, or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from sessionstore.archive import create
from sessionstore.archive import extract as extraction
from sessionstore.archive.create import ArchiveReport
from sessionstore.archive.extract import extract
from sessionstore.archive.manifest import Manifest, entry_of
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import walk
from sessionstore.disk.xattrs import Attributes
from sessionstore.errors import ArchiveProblem, DirectoryProblem, LockHeld, Refused
from tests.age import new_identity, recipient_of

pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """An age identity."""
    path = tmp_path / "identity"
    new_identity(path)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with odd names, modes, owners and times."""
    root = tmp_path / "sessions"
    (root / "company_1" / "deep").mkdir(parents=True)
    for number, name in enumerate(("creds.json", "-dash", "new\nline", os.fsdecode(b"\xff.json"))):
        path = root / "company_1" / name
        path.write_bytes(b"x" * number * 700)
        path.chmod(0o600 + number)
        if os.geteuid() == 0:
            os.chown(path, 1000 + number, 2000)
        os.utime(path, ns=(1, 1_700_000_000_123_456_700 + number))
    (root / "company_1" / "deep").chmod(0o500)
    os.utime(root / "company_1", ns=(1, 1_600_000_000_000_000_001))
    os.utime(root, ns=(1, 1_600_000_000_000_000_002))
    return root


def archived(source: Path, identity: Path) -> ArchiveReport:
    """The directory's archive."""
    out = source.parent / "archives"
    out.mkdir(exist_ok=True)
    with closing(open_directory(str(source))) as fd:
        return create.create(fd, str(out), source.name, [recipient_of(identity)])


def described(root: Path) -> dict[str, object]:
    """Everything that must come back."""
    with closing(open_directory(str(root))) as fd:
        return {node.path: entry_of(node) for node in walk(fd).nodes}


def test_everything_comes_back_exactly(source: Path, identity: Path, tmp_path: Path) -> None:
    """Names, modes, owners, times to the nanosecond, contents."""
    made = archived(source, identity)
    (tmp_path / "back.extracting").mkdir(0o700)  # a run that was killed left it
    (tmp_path / "back.extracting" / "contents").mkdir()
    (tmp_path / "back.extracting" / "contents" / "half").write_text("x")
    report = extract(made.archive, made.manifest, str(identity), str(tmp_path / "back"))
    assert (report.files, report.directories) == (4, 3)
    assert described(tmp_path / "back") == described(source)
    assert not (tmp_path / "back.extracting").exists()


def test_nothing_is_ever_written_over(source: Path, identity: Path) -> None:
    """What is there may be newer."""
    made = archived(source, identity)
    before = described(source)
    with pytest.raises(Refused, match="there already"):
        extract(made.archive, made.manifest, str(identity), str(source))
    assert described(source) == before


@pytest.mark.parametrize("harm", ["bit", "cut", "manifest", "identity"])
def test_a_damaged_archive_leaves_nothing(
    source: Path, identity: Path, tmp_path: Path, harm: str
) -> None:
    """Half a session directory looks like a whole one to a service."""
    made = archived(source, identity)
    sealed, listing = Path(made.archive), Path(made.manifest)
    content = sealed.read_bytes()
    if harm == "bit":
        sealed.write_bytes(content[:-200] + bytes([content[-200] ^ 1]) + content[-199:])
    elif harm == "cut":
        sealed.write_bytes(content[:-1])
    elif harm == "manifest":
        listing.write_bytes(listing.read_bytes().replace(b'"company_1/-dash"', b'"../outside"'))
    else:
        identity.unlink()
        new_identity(identity)
    with pytest.raises(ArchiveProblem):
        extract(str(sealed), str(listing), str(identity), str(tmp_path / "back"))
    assert not list(tmp_path.glob("back*")) and not list(tmp_path.glob("**/outside"))


@pytest.mark.parametrize("kind", ["symlink", "directory", "file"])
def test_what_only_has_the_name_of_half_an_extraction_is_not_deleted(
    source: Path, identity: Path, tmp_path: Path, kind: str
) -> None:
    """The service's user may write where a directory is put back."""
    made = archived(source, identity)
    before, half = described(source), tmp_path / "back.extracting"
    if kind == "symlink":
        half.symlink_to(source)
    elif kind == "file":
        half.write_text("somebody's")
    else:
        half.mkdir(0o755)
        (half / "somebody's").write_text("x")
    with pytest.raises(Refused, match="no run of this program left it") as refused:
        extract(made.archive, made.manifest, str(identity), str(tmp_path / "back"))
    assert "Move it away" in refused.value.remedy
    assert half.exists() and described(source) == before
    assert kind != "directory" or list(half.iterdir())
    assert not (tmp_path / "back").exists()


def test_two_extractions_at_once_do_not_clear_each_other_away(
    source: Path, identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of one looks like what a killed one left."""
    made = archived(source, identity)
    paths = (made.archive, made.manifest, str(identity), str(tmp_path / "back"))
    finish, seen = extraction._finish, []

    def another_one_first(
        fd: int, expected: Manifest, attributes: Mapping[str, Attributes]
    ) -> None:
        with pytest.raises(LockHeld, match="another run") as held:
            extract(*paths)
        seen.append(held.value)
        finish(fd, expected, attributes)

    monkeypatch.setattr(extraction, "_finish", another_one_first)
    extract(*paths)
    assert seen and described(tmp_path / "back") == described(source)


def test_a_link_on_the_way_to_its_place_is_not_followed(
    source: Path, identity: Path, tmp_path: Path
) -> None:
    """An archive is put back on a host by root, below a directory of the service's user."""
    made = archived(source, identity)
    (tmp_path / "app").symlink_to(source.parent)
    with pytest.raises(DirectoryProblem):
        extract(made.archive, made.manifest, str(identity), str(tmp_path / "app" / "back"))
    assert not (source.parent / "back").exists()
