"""The release that runs: the declared one, whole, and free of session files' code."""

import re
from collections.abc import Iterator
from typing import Any

from .support.declared import Declared
from .support.target import Target
from .support.wording import listed, not_checked, problems

COMMIT = re.compile(r"[0-9a-f]{40}")
SESSION_POOL = "session-pool.js"
MOST_POOLS = 10
FILE_SESSION_CODE = (
    "useMultiFileAuthState",
    "fs-extra",
    "baseAuthPath",
    "authPaths",
    "ensureBaseDirectory",
)


def declared_commit(target: Target, declared: Declared) -> str:
    """The commit that the declared revision is, as the host's own copy of the repository has it."""
    revision = declared.text("service_revision")
    if COMMIT.fullmatch(revision):
        return revision
    mirror = str(declared.app_dir / ".repository.git")
    command = "git --git-dir=%s rev-parse --verify --quiet %s"
    found = target.host.run(command, mirror, f"{revision}^{{commit}}", user=target.user)
    commit = str(found.stdout).strip()
    if found.rc != 0 or not COMMIT.fullmatch(commit):
        not_checked(f"{mirror} does not know {revision}")
    return commit


def test_current_is_the_declared_revision(target: Target, declared: Declared) -> None:
    """Customers run on another version than everybody believes."""
    running, wanted = target.release.rsplit("/", 1)[-1], declared_commit(target, declared)
    revision = declared.text("service_revision")
    assert running == wanted, f"`current` is {running}, {revision} is {wanted}"


def test_service_says_that_it_is_the_declared_revision(target: Target, declared: Declared) -> None:
    """Files were changed and the process not restarted: the fix that was rolled out is not on."""
    shown = target.status.get("revision")
    if shown is None:
        not_checked("the service does not say which revision it is")
    assert shown == declared_commit(target, declared), f"the service says {shown}"


def test_current_is_a_relative_link_to_a_release(host: Any, declared: Declared) -> None:
    """A link to anywhere else can't be swapped and put back in one step."""
    found = host.run("readlink %s", str(declared.current)).stdout.strip()
    as_it_should_be = re.fullmatch(r"releases/[0-9a-f]{40}", found)
    assert as_it_should_be, f"{declared.current} → {found or 'nothing'}"


def test_release_can_not_be_half_installed(target: Target) -> None:
    """A package is missing: the service runs until its next restart and then not at all."""
    found = target.probe("release.dependencies", target.release)
    assert found["packages"], "node_modules is empty"
    assert not found["problems"], listed(found["problems"])


@problems
def test_entry_and_session_pool_parse(target: Target, declared: Declared) -> Iterator[str]:
    """A file that does not parse ends the service at its next restart."""
    find = f"find %s -path '*/node_modules' -prune -o -name {SESSION_POOL} -type f -print0"
    found = target.host.check_output(find, target.release, user=target.user).split("\0")[:-1]
    pools = [path for path in found if "/archive/" not in path]
    assert pools, f"there is no {SESSION_POOL} in {target.release}"
    assert len(pools) <= MOST_POOLS, f"{len(pools)} files are called {SESSION_POOL}"
    for path in [f"{target.release}/{declared.text('service_entry')}", *pools]:
        checked = target.host.run("node --check %s", path, user=target.user)
        if checked.rc != 0:
            yield f"{path}: {listed(checked.stderr.strip().splitlines()[:4])}"


def test_no_file_session_code_is_left(target: Target) -> None:
    """One wrong flag, and the service opens or makes session files again."""
    found = target.probe("release.mentions", target.release, *FILE_SESSION_CODE)
    assert found["files"], f"no source file was found in {target.release}"
    assert not found["mentions"], listed(found["mentions"])


def test_release_is_not_writable_by_others(target: Target) -> None:
    """Any user of the host could put code into the service."""
    command = "find %s -xdev ! -type l -perm /002 -print -quit"
    found = target.host.check_output(command, target.release, user=target.user)
    assert not found, f"{found} can be changed by every user"
