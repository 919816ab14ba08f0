"""A release is staged from a real repository, complete or not at all, by the script that runs on a host."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from roles.release.tasks import STAGE_SCRIPT

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("git", "node", "npm"))), reason="needs git, Node.js and npm"
)
LOCK = '{"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {}}}'
FILES = {
    "package.json": '{"name": "app", "version": "1.0.0"}',
    "package-lock.json": LOCK,
    "src/main.js": "console.log(1)\n",
    "baileys_test_auth/creds.json": "{}",
    "baileys_test_auth.md": "kept",
    "star*/creds.json": "{}",
    "start/creds.json": "kept: no pattern",
}


def git(directory: Path, *words: str) -> str:
    own = ["-c", "user.name=a", "-c", "user.email=a@example.net"]
    done = subprocess.run(
        ["git", *own, *words], cwd=directory, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_what_is_left_out_is_in_no_release(tmp_path: Path) -> None:
    """Session files that the repository tracks would lie in every release: a disk that is never clean."""
    repository, app = tmp_path / "repository", tmp_path / "app"
    for name, text in FILES.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text)
    app.mkdir()
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "all")
    commit = git(repository, "rev-parse", "HEAD")
    words = [str(app), str(repository), commit, "src/main.js", "baileys_test_auth", "star*"]
    script = STAGE_SCRIPT.read_bytes()
    subprocess.run(["sh", "-s", *words], input=script, check=True, capture_output=True)
    release = app / "releases" / commit
    staged = {str(one.relative_to(release)) for one in release.rglob("*") if one.is_file()}
    wanted = {name for name in FILES if not name.startswith(("baileys_test_auth/", "star*"))}
    assert wanted <= staged
    assert not [name for name in staged if name.startswith(("baileys_test_auth/", "star*"))]
