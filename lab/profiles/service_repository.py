"""Compose a service of the lab into a git repository with two revisions.

Its directory keeps what both revisions share once (`common/`), what differs in `old/` and `new/`,
and the seven scripts once (`scripts/`): the old revision carries them as `scripts/`, the new one in
its archive (docs/facts.md section 1); `lab/service/` is the lab's own. Author and dates are fixed, so
the commit ids follow from the content alone and every machine builds the same ones.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "service"
ARCHIVE = "archive/baileys-file-sessions-scripts"
BRANCH = "main"


@dataclass(frozen=True)
class Revision:
    """One revision of the service.

    Attributes:
        tag: its tag in the repository.
        overlay: the directory of the service that is laid over `common/`.
        scripts: where the seven scripts live in this revision.
        date: author and committer date.
        message: the commit message.
    """

    tag: str
    overlay: str
    scripts: str
    date: str
    message: str


REVISIONS = (
    Revision(
        tag="v1.0.0",
        overlay="old",
        scripts="scripts",
        date="2025-11-07T20:07:34+00:00",
        message="Sessions in Supabase, PostgreSQL or files",
    ),
    Revision(
        tag="v2.0.0",
        overlay="new",
        scripts=ARCHIVE,
        date="2025-11-18T09:30:00+00:00",
        message="No sessions in files; their scripts archived",
    ),
)


def build_repository(
    destination: Path,
    revisions: Sequence[Revision] = REVISIONS,
    write: Callable[[Revision, Path], None] | None = None,
) -> dict[str, str]:
    """Build a service's bare git repository, anew.

    Params:
        destination: the bare repository; whatever is there is replaced.
        revisions: oldest first.
        write: writes a revision's files; those of the lab's own service unless given.
    Returns:
        the commit id of each tag; `main` is at the last one.
    Raises:
        subprocess.CalledProcessError: git failed.
    """
    shutil.rmtree(destination, ignore_errors=True)
    # No template: what git puts there by default differs between machines.
    branch = f"--initial-branch={BRANCH}"
    _git("init", "--quiet", "--bare", "--template=", branch, str(destination))
    with tempfile.TemporaryDirectory() as scratch:
        return {
            revision.tag: _commit(
                destination, revision, Path(scratch) / revision.tag, write or compose
            )
            for revision in revisions
        }


def compose(revision: Revision, tree: Path, sources: Path = SOURCES) -> None:
    """Write one revision's files.

    Params:
        revision: which one.
        tree: the directory to make.
        sources: the service's directory.
    """
    shutil.copytree(sources / "common", tree)
    shutil.copytree(sources / revision.overlay, tree, dirs_exist_ok=True)
    shutil.copytree(sources / "scripts", tree / revision.scripts, dirs_exist_ok=True)
    _stamp(tree / "package.json", revision.tag.removeprefix("v"))
    for path in tree.rglob("*"):
        # Git records the executable bit: it must not depend on the umask of a checkout.
        path.chmod(0o755 if path.is_dir() or path.suffix == ".sh" else 0o644)


def _stamp(manifest: Path, version: str) -> None:
    package = json.loads(manifest.read_text())
    package["version"] = version
    manifest.write_text(json.dumps(package, indent=2) + "\n")


def _commit(
    repository: Path, revision: Revision, tree: Path, write: Callable[[Revision, Path], None]
) -> str:
    write(revision, tree)
    dates = {"GIT_AUTHOR_DATE": revision.date, "GIT_COMMITTER_DATE": revision.date}

    def git(*arguments: str) -> str:
        return _git(f"--git-dir={repository}", f"--work-tree={tree}", *arguments, extra=dates)

    # --force: nothing on this machine, such as a global ignore file, decides what is recorded.
    git("add", "--all", "--force", ".")
    git("commit", "--quiet", f"--message={revision.message}")
    git("tag", revision.tag)
    return git("rev-parse", "HEAD")


def _git(*arguments: str, extra: dict[str, str] | None = None) -> str:
    """Run git with its own defaults only: then the ids are the same everywhere."""
    identity = {
        "GIT_AUTHOR_NAME": "ai-admin",
        "GIT_AUTHOR_EMAIL": "ai-admin@example.org",
        "GIT_COMMITTER_NAME": "ai-admin",
        "GIT_COMMITTER_EMAIL": "ai-admin@example.org",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(
        ["git", *arguments],
        env={"PATH": os.environ["PATH"], **identity, **(extra or {})},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
