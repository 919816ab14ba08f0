"""A directory is swapped at the worst instant: each guard by itself keeps what lies outside.

Races (``test_bad_nights_trees.py``) meet several guards at once, one behind the other. Here what is
swapped in passes every guard but one.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sessionstore.archive import create
from sessionstore.archive.manifest import Manifest
from sessionstore.disk.opening import closing, open_directory
from sessionstore.errors import ArchiveProblem, StoreError
from sessionstore.removal import remove
from sessionstore.removal.delete import HALF_REMOVED

from .night import at_step, digest, ended, in_child, no_more_steps
from .trees import archived, contents, sessions

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look into /proc")
OUTSIDE = "canary"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of session files."""
    return sessions(tmp_path / "app")


@pytest.fixture
def manifest(root: Path, out: Path, age_identity: tuple[str, str]) -> Manifest:
    """Of its archive."""
    return archived(root, out, age_identity[1])


def put_in_place(old: Path, new: Path) -> None:
    """Something else has a name now; what had it lies beside it."""
    old.rename(old.with_name("moved"))
    new.rename(old)


def link_to(target: Path) -> Path:
    """A symlink that is to get somebody's place."""
    link = target.with_name("link")
    link.symlink_to(target)
    return link


def refused(root: Path, manifest: Manifest, swap: Callable[[], None]) -> str:
    """Remove; the swap is made when everything was looked at and nothing was deleted."""

    def at_the_last_proof(*_: object) -> tuple[str, ...]:
        swap()
        return ()

    with (
        closing(open_directory(str(root.parent))) as parent,
        pytest.raises(StoreError) as told,
    ):
        remove.remove(parent, root.name, manifest=manifest, objections=at_the_last_proof)
    return str(told.value)


def test_no_link_is_followed_while_deleting(
    tmp_path: Path, root: Path, out: Path, age_identity: tuple[str, str]
) -> None:
    """Behind it lie further names of the very same files: to look at one file tells nothing."""
    outside = tmp_path / OUTSIDE
    shutil.copytree(root / "company_1", outside, copy_function=os.link)
    manifest = archived(root, out, age_identity[1])
    before = contents(outside)
    said = refused(root, manifest, lambda: put_in_place(root / "company_1", link_to(outside)))
    assert contents(outside) == before
    assert "company_1" in said and "cannot open the directory" in said


def test_only_the_file_that_was_proven_is_deleted(
    tmp_path: Path, root: Path, manifest: Manifest
) -> None:
    """A real directory in its place, of the same names, sizes and times: other files all the same."""
    outside = tmp_path / OUTSIDE
    shutil.copytree(root / "company_1", outside)
    before = contents(outside)
    said = refused(root, manifest, lambda: put_in_place(root / "company_1", outside))
    swapped = root.with_name(root.name + HALF_REMOVED) / "company_1"
    assert contents(swapped) == before
    assert "company_1/" in said and "changed while its directory was being removed" in said


@pytest.mark.parametrize("linked", [False, True], ids=["directory", "link"])
def test_nothing_is_deleted_once_another_one_has_its_name(
    tmp_path: Path, root: Path, manifest: Manifest, linked: bool
) -> None:
    """Whoever moved the proven one away may want it: it is whole where it lies now."""
    outside = sessions(tmp_path / OUTSIDE)
    before = contents(root), digest(outside)
    swap = link_to(outside) if linked else outside
    said = refused(root, manifest, lambda: put_in_place(root, swap))
    assert "another directory took its place" in said
    assert contents(root.with_name("moved")) == before[0]
    if linked:
        assert root.is_symlink() and digest(outside) == before[1]
    else:
        assert contents(root) == before[0]


def test_an_empty_directory_that_took_its_name_stays(
    tmp_path: Path, root: Path, manifest: Manifest
) -> None:
    """Its last file is gone, and only its own name is left to be deleted."""
    half = root.with_name(root.name + HALF_REMOVED)
    new = tmp_path / OUTSIDE
    new.mkdir()
    inode = new.stat().st_ino

    def watch(event: str, given: tuple[object, ...]) -> None:
        if event == "os.rmdir" and given[0] == "company_1":
            put_in_place(half, new)

    def work() -> None:
        sys.addaudithook(watch)
        with closing(open_directory(str(root.parent))) as parent:
            remove.remove(parent, root.name, manifest=manifest, objections=lambda *_: ())

    assert ended(in_child(work)) == 1, "it was not refused"
    assert half.stat().st_ino == inode
    assert contents(root.with_name("moved")) == {}


@pytest.fixture
def streaming() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Acts when everything was read once and its archive is about to be written."""
    yield lambda act: at_step("archive.create._stream", "call", 1, act)
    no_more_steps()


@pytest.mark.parametrize(
    ("name", "linked", "told"),
    [
        ("company_1", True, "cannot open the directory"),
        (
            "company_1/creds.json",
            True,
            "cannot read a file, or its extended attributes: Too many levels of symbolic links",
        ),
        ("company_1", False, "a file changed while it was archived"),
    ],
    ids=["a link to the same", "a file's link to the same", "a directory of others"],
)
def test_an_archive_holds_only_what_lies_in_the_directory(
    tmp_path: Path,
    root: Path,
    out: Path,
    age_identity: tuple[str, str],
    streaming: Callable[[Callable[[], None]], None],
    *,
    name: str,
    linked: bool,
    told: str,
) -> None:
    """Swapped between its two readings; a link leads to equal contents, which digests don't tell."""
    outside = tmp_path / OUTSIDE
    (shutil.copytree if (root / name).is_dir() else shutil.copy2)(root / name, outside)
    if not linked:
        (outside / "creds.json").write_text("y")
    swap = link_to(outside) if linked else outside
    streaming(lambda: put_in_place(root / name, swap))
    with closing(open_directory(str(root))) as fd, pytest.raises(ArchiveProblem) as problem:
        create.create(fd, str(out), root.name, [age_identity[1]])
    assert told in str(problem.value) and name in str(problem.value)
    assert not list(out.iterdir())
