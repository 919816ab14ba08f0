"""The lab's service as a git repository: what each revision holds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.profiles.service_build import build_repository
from lab.profiles.service_repository import ARCHIVE, REVISIONS, SOURCES, compose

SCRIPTS = {
    "migrate-baileys-files-to-database.js",
    "init-baileys-session.js",
    "reinit-baileys-session.js",
    "baileys-auto-cleanup-trigger.js",
    "baileys-multitenancy-cleanup.js",
    "test-baileys-cleanup.js",
    "setup-baileys-cleanup-cron.sh",
}
FILE_SESSIONS = re.compile(
    "useMultiFileAuthState|fs-extra|baseAuthPath|authPaths|ensureBaseDirectory"
)
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not installed here")


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of the old and of the new revision."""
    place = tmp_path_factory.mktemp("trees")
    for revision in REVISIONS:
        compose(revision, place / revision.tag)
    return place / "v1.0.0", place / "v2.0.0"


def test_every_machine_builds_the_same_commits(tmp_path: Path) -> None:
    """An inventory names a commit; a repository that differs by machine would not have it."""
    first = build_repository(tmp_path / "a" / "service.git")
    second = build_repository(tmp_path / "b" / "service.git")
    assert first == second
    assert set(first) == {"v1.0.0", "v2.0.0"}
    assert all(re.fullmatch("[0-9a-f]{40}", commit) for commit in first.values())


def test_a_clone_has_both_revisions_and_main_is_the_new_one(tmp_path: Path) -> None:
    """The in-place checkout is behind main, as it is before somebody runs git pull."""
    ids = build_repository(tmp_path / "service.git")
    listed = subprocess.run(
        ["git", "ls-remote", str(tmp_path / "service.git")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    refs = {ref: commit for commit, ref in (line.split("\t") for line in listed.splitlines())}
    assert refs["refs/heads/main"] == refs["refs/tags/v2.0.0"] == ids["v2.0.0"]
    assert refs["refs/tags/v1.0.0"] == ids["v1.0.0"]


def test_both_revisions_carry_the_same_baileys(trees: tuple[Path, Path]) -> None:
    """Sender keys of one Baileys throw in another: a move and an upgrade never go together."""
    old, new = ((tree / "package-lock.json").read_bytes() for tree in trees)
    assert old == new
    packages = json.loads(new)["packages"]
    assert packages["node_modules/@whiskeysockets/baileys"]["version"] == "7.0.0-rc14"


def test_the_lock_file_names_no_registry() -> None:
    """It must install from whatever registry the machine has; the hashes say what it gets."""
    packages = json.loads((SOURCES / "common" / "package-lock.json").read_text())["packages"]
    del packages[""]
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    assert not [name for name, entry in packages.items() if "integrity" not in entry]


def test_the_seven_scripts_moved_to_the_archive(trees: tuple[Path, Path]) -> None:
    """What the checks of a rolled-out host look for must be true of the release itself."""
    old, new = trees
    assert {path.name for path in (old / "scripts").iterdir()} == SCRIPTS
    assert {path.name for path in (new / ARCHIVE).iterdir()} == SCRIPTS
    assert not (new / "scripts").exists()


def test_file_sessions_are_in_the_old_pool_and_nowhere_in_the_new(
    trees: tuple[Path, Path],
) -> None:
    """Left-over file code would quietly open a fresh identity when the flags are wrong."""
    old, new = trees
    pool = (old / "src" / "session-pool.js").read_text()
    assert {"useMultiFileAuthState", "baseAuthPath", "authPaths", "ensureBaseDirectory"} <= set(
        FILE_SESSIONS.findall(pool)
    )
    found = [
        str(path.relative_to(new))
        for path in new.rglob("*")
        if path.is_file() and FILE_SESSIONS.search(path.read_text())
    ]
    assert [name for name in found if not name.startswith("archive/")] == []


def test_nothing_ever_logs_out() -> None:
    """`logout` destroys the pairing; no version may hold a call that a signal could reach."""
    for path in SOURCES.rglob("*.js"):
        assert ".logout(" not in path.read_text(), path


@needs_node
def test_every_script_parses(trees: tuple[Path, Path]) -> None:
    """A file that does not parse would show only when the service starts."""
    tools = list((SOURCES / "tools").rglob("*.mjs"))
    for path in [*tools, *(js for tree in trees for js in tree.rglob("*.js"))]:
        done = subprocess.run(["node", "--check", path], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
