"""The service ai-admin as a git repository: what lies in each revision beside the session's code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.profiles.ai_admin import beside, libsignal
from lab.profiles.ai_admin.repository import SOURCES, build_repository, compose
from lab.profiles.service_repository import ARCHIVE, REVISIONS

# Prints the files that do not parse: `node --check` takes 0.25 s a file.
PARSE = """
const { readFileSync } = require('fs')
for (const file of process.argv.slice(1)) {
  const text = readFileSync(file, 'utf8').replace(/^#!.*/, '')
  try { new (require('vm').Script)(require('module').wrap(text)) } catch { console.log(file) }
}
"""
LIBSIGNAL = "node_modules/libsignal"
FILE_SESSIONS = re.compile("useMultiFileAuthState|fs-extra|baseAuthPath|authPaths")


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of the old and of the new revision."""
    place = tmp_path_factory.mktemp("trees")
    for revision in REVISIONS:
        compose(revision, place / revision.tag)
    return place / "v1.0.0", place / "v2.0.0"


def test_every_machine_builds_the_same_commits(tmp_path: Path) -> None:
    """An inventory names a commit; what is made when it is built must be the same every time."""
    first = build_repository(tmp_path / "a.git")
    assert first == build_repository(tmp_path / "b.git")
    assert set(first) == {"v1.0.0", "v2.0.0"}
    listed = subprocess.run(
        ["git", "-C", tmp_path / "a.git", "ls-tree", "-r", "--name-only", "main"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert "baileys_test_auth/creds.json" in listed and "scripts/baileys-service.js" in listed


def test_scripts_lie_beside_the_entry_and_one_does_not_parse(trees: tuple[Path, Path]) -> None:
    """Whoever checks all of them waits, and stumbles; the file that matters is elsewhere."""
    for tree, more in zip(trees, (7, 0), strict=True):
        scripts = list((tree / "scripts").glob("*.js")) + list((tree / "scripts").glob("*.sh"))
        others = {"baileys-service.js", "whatsapp-backup-service.js"}
        own = others | ({"cleanup-old-whatsapp-keys.js"} if tree == trees[1] else set())
        assert beside.TOTAL == 128 and len(scripts) == beside.TOTAL + len(own) + more
    assert len(list((trees[1] / ARCHIVE).iterdir())) == 7


def test_words_of_file_sessions_are_left_in_the_new_revision(trees: tuple[Path, Path]) -> None:
    """In a comment and in package.json they mean nothing; in a route they are code."""
    found = {
        str(path.relative_to(trees[1]))
        for path in trees[1].rglob("*")
        if path.is_file() and FILE_SESSIONS.search(path.read_text())
    }
    assert {name for name in found if not name.startswith("archive/")} == {
        "package.json",
        "package-lock.json",
        "src/api/routes/whatsapp.js",
        "src/integrations/whatsapp/auth-state-postgres.js",
        "src/integrations/whatsapp/session-pool.js",
    }


def test_the_same_baileys_from_any_registry_and_no_logout(trees: tuple[Path, Path]) -> None:
    """A move and an upgrade never go together; `logout` destroys the pairing."""
    packages = json.loads((SOURCES / "common" / "package-lock.json").read_text())["packages"]
    assert packages["node_modules/@whiskeysockets/baileys"]["version"] == "7.0.0-rc14"
    del packages[""]
    assert [name for name, entry in packages.items() if "resolved" in entry] == [LIBSIGNAL]
    assert not [path for path in SOURCES.rglob("*.js") if ".logout(" in path.read_text()]


@pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed here")
def test_libsignal_comes_from_a_git_address(tmp_path: Path) -> None:
    """As in the field: `npm ci` wants git access, and the commit that the lock names must be there."""
    packages = json.loads((SOURCES / "common" / "package-lock.json").read_text())["packages"]
    commit = libsignal.build_repository(tmp_path / "libsignal.git")
    assert packages[LIBSIGNAL]["resolved"] == f"git+{libsignal.ADDRESS}#{commit}"


@pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not installed here")
def test_all_but_one_parse_and_the_ecosystem_is_as_told(trees: tuple[Path, Path]) -> None:
    """What PM2 is given: some ten apps, one with arguments, those that stay stopped, no kill_timeout."""
    files = [str(path) for tree in trees for path in sorted(tree.rglob("*.js"))]
    command = ["node", "--eval", PARSE, "--", *files]
    bad = subprocess.check_output(command, text=True).splitlines()
    assert bad == [str(tree / "scripts" / beside.DOES_NOT_PARSE) for tree in trees]
    for tree, number in zip(trees, (10, 11), strict=True):
        tell = "console.log(JSON.stringify(require('./ecosystem.config.js').apps))"
        said = subprocess.check_output(["node", "--eval", tell], cwd=tree, text=True)
        apps = {app["name"]: app for app in json.loads(said)}
        assert len(apps) == number
        service = apps["baileys-whatsapp-service"]
        assert service["env"]["COMPANY_ID"] == "962302" and "kill_timeout" not in service
        assert service["max_memory_restart"] == "200M" and "cwd" not in service
        assert apps["whatsapp-backup-service"]["cron_restart"] == "0 */6 * * *"
        assert not apps["whatsapp-backup-service"]["autorestart"]
        assert not apps["ai-admin-key-statistics"]["autorestart"]
        assert apps["ai-admin-telegram-bot"]["args"]
        assert all((tree / app["script"]).is_file() for app in apps.values())
