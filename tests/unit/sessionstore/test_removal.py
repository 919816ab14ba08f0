"""Removal: nothing at all unless everything is proven."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from sessionstore.archive.manifest import Manifest, entry_of
from sessionstore.disk.holders import held_open
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import Tree, walk
from sessionstore.errors import DirectoryProblem, Refused
from sessionstore.removal import remove as removal
from sessionstore.removal.delete import HALF_REMOVED

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look into /proc")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A set-aside directory."""
    tree = tmp_path / "aside" / "baileys_sessions"
    (tree / "company_1").mkdir(parents=True)
    (tree / "company_1" / "creds.json").write_text("{}")
    for number in range(20):
        (tree / "company_1" / f"pre-key-{number}.json").write_text("x" * 5000)
    (tree / "-rf *\n").write_text("hostile")
    return tree


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """Something outside that must never be touched."""
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "file").write_text("alive")
    yield canary
    assert (canary / "file").read_text() == "alive"


def manifest_of(tree: Path) -> Manifest:
    """What an archive's manifest would say."""
    with closing(open_directory(str(tree))) as fd:
        entries = {node.path: entry_of(node) for node in walk(fd).nodes}
    return Manifest(tree.name, "", entries, 0, "", "", 0, ())


def remove(
    tree: Path,
    manifest: Manifest,
    objections: Callable[[int, Tree], Sequence[str]] = lambda *_: [],
    *,
    dry_run: bool = False,
) -> removal.RemovalReport:
    """Remove tree."""
    with closing(open_directory(str(tree.parent))) as parent:
        return removal.remove(
            parent, tree.name, manifest=manifest, objections=objections, dry_run=dry_run
        )


def snapshot(tree: Path) -> dict[str, bytes]:
    """Everything below, with contents."""
    return {
        str(path.relative_to(tree)): path.read_bytes() if path.is_file() else b""
        for path in tree.rglob("*")
    }


def test_a_proven_directory_goes(tree: Path, canary: Path) -> None:
    """And the bytes that come free are counted from its blocks."""
    blocks = sum(path.lstat().st_blocks * 512 for path in [tree, *tree.rglob("*")])
    report = remove(tree, manifest_of(tree))
    assert not list(tree.parent.iterdir())
    assert (report.files, report.directories, report.resumed) == (22, 2, False)
    assert report.freed == blocks


def test_a_dry_run_deletes_nothing(tree: Path) -> None:
    """It proves only."""
    before = snapshot(tree)
    assert remove(tree, manifest_of(tree), dry_run=True).files == 22
    assert snapshot(tree) == before


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda tree: (tree / "company_1" / "creds.json").write_text("{ }"), "changed since"),
        (lambda tree: (tree / "company_1" / "new.json").write_text(""), "not in the archive"),
        (lambda tree: (tree / "company_1" / "pre-key-3.json").unlink(), "gone"),
        (lambda tree: (tree / "sub").mkdir(), "not in the archive"),
        (lambda tree: (tree / "link").symlink_to("/etc"), "symlink"),
        (lambda tree: os.mkfifo(tree / "fifo"), "FIFO"),
    ],
)
def test_one_difference_and_nothing_is_removed(
    tree: Path, canary: Path, change: Callable[[Path], object], word: str
) -> None:
    """Fails closed: what the archive does not hold exactly is not deleted."""
    manifest = manifest_of(tree)
    change(tree)
    before = snapshot(tree)
    with pytest.raises(Refused, match=word):
        remove(tree, manifest)
    assert snapshot(tree) == before


def test_an_objection_of_the_proof_keeps_everything(tree: Path) -> None:
    """The database says no; every reason is listed."""
    before = snapshot(tree)
    with pytest.raises(Refused) as caught:
        remove(tree, manifest_of(tree), lambda *_: ["key 1 is missing", "key 2 is missing"])
    assert caught.value.reasons == ("key 1 is missing", "key 2 is missing")
    assert snapshot(tree) == before


def test_the_proof_is_given_the_directory_itself(tree: Path) -> None:
    """By descriptor: a path could have been swapped."""
    seen: list[str] = []

    def note(fd: int, _: Tree) -> list[str]:
        seen.extend(entry.name for entry in os.scandir(fd))
        return []

    remove(tree, manifest_of(tree), note)
    assert "company_1" in seen


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("f = open('company_1/pre-key-1.json'); ", "open file"),
        ("import os; os.chdir('company_1'); ", "working directory"),
        (
            "import mmap; f = open('company_1/pre-key-1.json'); "
            "m = mmap.mmap(f.fileno(), 0, prot=1); f.close(); ",
            "mapped file",
        ),
        ("import os; fd = os.open('company_1', 0); os.chdir('/'); ", "open file"),
    ],
)
def test_what_a_process_holds_stays(tree: Path, code: str, how: str) -> None:
    """Somebody may still be writing keys."""
    manifest = manifest_of(tree)
    script = code + "print(flush=True); input()"
    if how == "mapped file":
        script = code + "os.close; print(flush=True); input()"
        script = "import os; " + script.replace("f.close(); ", "f.close(); os.chdir('/'); ")
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        with pytest.raises(Refused, match=f"{process.pid}"):
            remove(tree, manifest)
        with closing(open_directory(str(tree))) as fd:
            holders = held_open(fd)
        assert [holder.pid for holder in holders] == [process.pid]
        process.stdin.write(b"\n")
    assert remove(tree, manifest).files == 22


def test_a_symlink_in_its_place_is_refused(tree: Path, canary: Path) -> None:
    """The directory was swapped for a link to something else."""
    manifest = manifest_of(tree)
    tree.rename(tree.with_name("moved"))
    tree.symlink_to(canary)
    with pytest.raises(DirectoryProblem):
        remove(tree, manifest)


@pytest.mark.parametrize("place", [".", "company_1"])
def test_a_mount_is_not_crossed(tree: Path, canary: Path, place: str) -> None:
    """A bind mount of the same device has the same st_dev."""
    manifest = manifest_of(tree)
    subprocess.run(["mount", "--bind", canary, tree / place], check=True)
    try:
        with pytest.raises(Refused, match="mount"):
            remove(tree, manifest)
    finally:
        subprocess.run(["umount", tree / place], check=True)


def test_a_file_that_is_mounted_over_is_seen_before_anything_is_deleted(
    tree: Path, tmp_path: Path
) -> None:
    """It looks like any other file, and deleting it would stop the removal half way."""
    manifest = manifest_of(tree)
    place = tree / "company_1" / "pre-key-9.json"
    copy = Path(shutil.copy2(place, tmp_path))
    subprocess.run(["mount", "--bind", copy, place], check=True)
    try:
        with pytest.raises(Refused, match="mounted there"):
            remove(tree, manifest)
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("place", ["company_1/pre-key-9.json", "company_1"])
def test_an_immutable_file_is_seen_before_anything_is_deleted(tree: Path, place: str) -> None:
    """It would stop the removal half way."""
    manifest = manifest_of(tree)
    done = subprocess.run(["chattr", "+i", tree / place], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("this file system has no attributes")
    try:
        with pytest.raises(Refused, match="chattr"):
            remove(tree, manifest)
    finally:
        subprocess.run(["chattr", "-i", tree / place], check=True)
    assert len(list(tree.rglob("*.json"))) == 21


def test_a_removal_that_was_killed_goes_on(tree: Path) -> None:
    """Renamed, half of it deleted: recognised, proven for what is left, finished."""
    manifest = manifest_of(tree)
    half = tree.rename(tree.with_name(tree.name + HALF_REMOVED))
    for number in range(10):
        (half / "company_1" / f"pre-key-{number}.json").unlink()
    report = remove(tree, manifest)
    assert report.resumed and report.files == 12
    assert not list(tree.parent.iterdir())


def test_credentials_go_last(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them, what a power cut leaves could not be accounted for any more."""
    order: list[str] = []
    unlink = os.unlink

    def noted(name: str, *, dir_fd: int) -> None:
        order.append(name)
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", noted)
    remove(tree, manifest_of(tree))
    assert order[-1] == "creds.json"


def test_a_late_change_stops_what_is_deleted_beside_it(tree: Path) -> None:
    """Files are deleted side by side: one that is not as proven ends them all, not only its own."""
    company = tree / "company_1"
    for number in range(5000):
        (company / f"session-{number}.0.json").write_text("{}")
    manifest = manifest_of(tree)
    first = min(company.glob("session-*"), key=lambda path: path.stat().st_ino)

    def change_it_then(*_: object) -> list[str]:
        first.write_text("[]")
        return []

    with pytest.raises(Refused, match="changed while") as refused:
        remove(tree, manifest, change_it_then)
    left = tree.with_name(tree.name + HALF_REMOVED) / "company_1"
    assert refused.value.where == f"company_1/{first.name}"
    assert (left / first.name).read_text() == "[]"
    assert len(list(left.iterdir())) > 4000
    assert (left / "creds.json").exists()


def test_two_candidates_are_refused(tree: Path) -> None:
    """Nobody can tell which one was proven."""
    manifest = manifest_of(tree)
    tree.with_name(tree.name + HALF_REMOVED).mkdir()
    with pytest.raises(Refused, match="both"):
        remove(tree, manifest)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "n" * 247])
def test_only_a_bare_name_is_taken(tmp_path: Path, name: str) -> None:
    """Nothing outside the parent."""
    with closing(open_directory(str(tmp_path))) as parent, pytest.raises(Refused):
        removal.remove(parent, name, manifest=manifest_of(tmp_path), objections=lambda *_: [])


def test_two_names_of_one_file_both_go(tree: Path) -> None:
    """Deleting one changes the other's status, which must not pass for a change of the file."""
    first = tree / "company_1" / "pre-key-3.json"
    (tree / "company_1" / "second-name.json").hardlink_to(first)
    blocks = sum(
        path.lstat().st_blocks * 512 // path.lstat().st_nlink for path in tree.rglob("*.json")
    )
    report = remove(tree, manifest_of(tree))
    assert report.files == 23
    assert report.freed >= blocks
    assert not list(tree.parent.iterdir())


def test_hard_links_outside_free_nothing(tree: Path, tmp_path: Path) -> None:
    """Freed means free on the disk."""
    for path in list((tree / "company_1").iterdir()):
        (tmp_path / path.name).hardlink_to(path)
    report = remove(tree, manifest_of(tree))
    assert report.files == 22
    assert report.freed < 20 * 5000
    assert (tmp_path / "pre-key-3.json").read_text() == "x" * 5000


def test_a_race_for_a_subdirectory_never_leads_outside(tmp_path: Path, canary: Path) -> None:
    """company_1 is swapped for a symlink to the canary over and over while it is removed."""
    stop = threading.Event()

    def swap(tree: Path) -> None:
        company, moved = tree / "company_1", tree.parent / "moved"
        give_up = time.monotonic() + 30
        while not stop.is_set() and time.monotonic() < give_up:
            try:
                company.rename(moved)
                company.symlink_to(canary)
                company.unlink()
                moved.rename(company)
            except OSError:
                pass

    for round_ in range(15):
        tree = tmp_path / f"round{round_}" / "sessions"
        (tree / "company_1").mkdir(parents=True)
        for number in range(30):
            (tree / "company_1" / f"pre-key-{number}.json").write_text("x")
        (tree / "company_1" / "file").write_text("the canary's name")
        manifest = manifest_of(tree)
        stop.clear()
        thread = threading.Thread(target=swap, args=(tree,))
        thread.start()
        try:
            remove(tree, manifest)
        except (Refused, DirectoryProblem):
            pass  # Refusing is right; touching the canary would not be.
        finally:
            stop.set()
            thread.join()
    assert (canary / "file").read_text() == "alive"
