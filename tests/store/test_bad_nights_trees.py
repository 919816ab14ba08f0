"""Hostile trees: names that mean something to a program, and links swapped in meanwhile."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sessionstore.archive.check import check
from sessionstore.archive.extract import extract
from sessionstore.archive.manifest import Manifest
from sessionstore.disk.opening import closing, open_directory
from sessionstore.errors import StoreError
from sessionstore.removal import remove as removal
from sessionstore.scan.scan import scan_directory

from .night import digest
from .trees import NAMES, archived, contents, sessions

SOAK = bool(os.environ.get("ROLLOUT_SOAK"))
ROUNDS = 300 if SOAK else 10

_EXCHANGE = 2
_renameat2 = ctypes.CDLL(None, use_errno=True).renameat2


def exchange(one: Path, other: Path) -> None:
    """Swap two names in one step, so that at every instant something is under both."""
    here = -100
    _renameat2(here, os.fsencode(one), here, os.fsencode(other), _EXCHANGE)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """Something outside, with the names that are in the tree as well."""
    place = tmp_path / "canary"
    (place / "company_1").mkdir(parents=True)
    for name in ("creds.json", "company_1/creds.json", "company_1/-rf"):
        (place / name).write_text("alive")
    return place


def hostile(root: Path) -> None:
    """Every name as a file, and as a directory with every name in it."""
    for name in NAMES:
        (root / "files").mkdir(parents=True, exist_ok=True)
        (root / "files" / name).write_text(name.encode("utf-8", "backslashreplace").decode())
        directory = root / "directories" / name
        directory.mkdir(parents=True)
        for inner in NAMES:
            (directory / inner).write_text("x")


def remove(root: Path, manifest: Manifest) -> removal.RemovalReport:
    """Remove a tree whose further proof has no objection."""
    with closing(open_directory(str(root.parent))) as parent:
        return removal.remove(parent, root.name, manifest=manifest, objections=lambda *_: ())


def test_names_that_mean_something_to_programs(
    tmp_path: Path, canary: Path, out: Path, age_identity: tuple[str, str]
) -> None:
    """Reported as what they are, archived, opened, removed; nothing else is touched."""
    root, before = tmp_path / "app" / "-sessions", digest(canary)
    hostile(root)
    with scan_directory(str(root)) as scan:
        blocking = {problem.where.rpartition("/")[2] for problem in scan.blocking}
    assert blocking
    manifest = archived(root, out, age_identity[1])
    files = len(NAMES) * (len(NAMES) + 1)
    checked = check(
        str(out / "-sessions.tar.zst.age"), str(out / "-sessions.manifest.jsonl"), age_identity[0]
    )
    assert checked.files == files
    assert remove(root, manifest).files == files
    assert os.listdir(tmp_path / "app") == []  # noqa: PTH208
    assert digest(canary) == before


@pytest.mark.parametrize(
    "inner", ["", "company_1"], ids=["the directory itself", "a directory in it"]
)
def test_swapped_for_a_symlink_between_proof_and_removal(
    tmp_path: Path, canary: Path, out: Path, age_identity: tuple[str, str], inner: str
) -> None:
    """Raced in a loop by another process: refused or removed, and never through the link."""
    before = digest(canary)
    manifest = archived(sessions(tmp_path / "as archived"), out, age_identity[1])
    outcomes = {"refused": 0, "removed": 0}
    for number in range(ROUNDS):
        root = sessions(tmp_path / f"app{number}")
        link = tmp_path / f"link{number}"
        link.symlink_to(canary / inner)
        with swapping(root / inner if inner else root, link):
            try:
                remove(root, manifest)
                outcomes["removed"] += 1
            except StoreError:
                outcomes["refused"] += 1
        assert digest(canary) == before, f"round {number}"
    print(outcomes)
    assert outcomes["refused"] > 0, "it was never swapped in time"


def test_swapped_for_a_symlink_while_it_is_archived(
    tmp_path: Path, canary: Path, out: Path, age_identity: tuple[str, str]
) -> None:
    """Between the walk and the stream: an archive holds what lies in the directory, or is none."""
    before, outcomes = digest(canary), {"refused": 0, "archived": 0}
    for number in range(ROUNDS):
        root, link = sessions(tmp_path / f"app{number}"), tmp_path / f"link{number}"
        wanted = contents(root)
        link.symlink_to(canary / "company_1")
        (out / str(number)).mkdir()
        with swapping(root / "company_1", link):
            try:
                archived(root, out / str(number), age_identity[1])
                outcomes["archived"] += 1
            except StoreError:
                outcomes["refused"] += 1
                assert not list((out / str(number)).iterdir())
                continue
        listing, sealed = sorted(str(one) for one in (out / str(number)).iterdir())
        extract(sealed, listing, age_identity[0], str(tmp_path / f"back{number}"))
        assert contents(tmp_path / f"back{number}") == wanted
        assert digest(canary) == before
    print(outcomes)
    assert outcomes["refused"] > 0, "it was never swapped in time"


def test_raced_by_somebody_who_may_write_where_it_is_put_back(
    tmp_path: Path, canary: Path, out: Path, age_identity: tuple[str, str]
) -> None:
    """The name that it works under is swapped for a link all the time: exact, or told."""
    root, before = sessions(tmp_path / "before"), digest(canary)
    archived(root, out, age_identity[1])
    sealed, manifest = str(out / "sessions.tar.zst.age"), str(out / "sessions.manifest.jsonl")
    outcomes = {"exact": 0, "told": 0}
    for number in range(ROUNDS):
        app, link = tmp_path / f"app{number}", tmp_path / f"link{number}"
        app.mkdir()
        link.symlink_to(canary)
        with swapping(app / "sessions.extracting", link):
            try:
                extract(sealed, manifest, age_identity[0], str(app / "sessions"))
            except StoreError:
                outcomes["told"] += 1
                assert not (app / "sessions").exists()
            else:
                outcomes["exact"] += 1
                assert not (app / "sessions").is_symlink()
                assert contents(app / "sessions") == contents(root)
        assert digest(canary) == before, f"round {number}"
    print(outcomes)


class swapping:  # noqa: N801 (used as a context manager)
    """Another process that swaps a directory and a link all the time."""

    def __init__(self, directory: Path, link: Path) -> None:
        self._swap: Callable[[], None] = lambda: exchange(directory, link)

    def __enter__(self) -> None:
        self._child = os.fork()
        if self._child == 0:
            give_up = time.monotonic() + 30
            while time.monotonic() < give_up:
                self._swap()
            os._exit(0)

    def __exit__(self, *_: object) -> None:
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
