"""A branch that moves during a rollout: every host gets the commit that the first one proved."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from rollout.apply.revision import commits_said, resolution, revision_of
from rollout.deploys.runs import HostRun, take_event
from rollout.environment.environment import DATABASE, SERVICE, Host
from rollout.errors import OperatorError

from .. import deploys

REVISION = {"service_repository": "git", "service_revision": "main"}
DEPLOY = """
from roles.hostprogram.commit import declared_commit
from roles.guard import checked_settings
checked_settings()
declared_commit()
"""


def git(repository: Path, *words: str) -> str:
    """Run git as somebody."""
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(
        ["git", "-C", str(repository), *who, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def push(repository: Path) -> str:
    """Move the branch on; its new commit."""
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "a fix")
    return git(repository, "rev-parse", "HEAD")


def deployed(place: Path, revision: str, **overrides: Any) -> str:
    """What a deploy resolves the revision to, as the command hears of it; else what it said."""
    data = {
        "environment": "lab",
        "service_repository": str(place / "code"),
        "service_revision": revision,
        "service_user": "nobody",
        "app_dir": str(place),
    }
    told, said = deploys.deployed(place, DEPLOY, data=data, overrides=overrides)
    run = HostRun("wa-1")
    for event in told:
        take_event(run, event, print)
    return run.commit or said


def test_a_branch_that_moves_during_a_rollout_is_not_followed(tmp_path: Path) -> None:
    """The barrier proved one commit; another would reach the other hosts unproven."""
    code = tmp_path / "code"
    code.mkdir()
    git(code, "init", "--quiet", "--initial-branch", "main")
    proven = push(code)
    git(code, "tag", "v1")
    assert deployed(tmp_path, "main", resolved_commit="") == proven
    moved = push(code)
    assert deployed(tmp_path, "main", resolved_commit=proven) == proven
    assert deployed(tmp_path, "main") == moved
    assert deployed(tmp_path, "v1") == deployed(tmp_path, proven) == proven
    refused = deployed(tmp_path, "main", resolved_commit="v1")
    assert "not a commit of 40 hexadecimal digits" in refused


def test_a_declared_commit_is_not_the_hosts_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile host would choose what every host after it deploys."""
    lies = tmp_path / "bin"
    lies.mkdir()
    (lies / "grep").write_text(f"#!/bin/sh\necho {'2' * 40}\n")
    (lies / "grep").chmod(0o755)
    monkeypatch.setenv("PATH", f"{lies}:/usr/bin:/bin")
    assert deployed(tmp_path, "1" * 40) == "1" * 40
    assert deployed(tmp_path, "main", resolved_commit="1" * 40) == "1" * 40
    (lies / "grep").write_text("#!/bin/sh\necho '../../x'\n")
    assert "'../../x'" in deployed(tmp_path, "main")


def test_a_host_must_find_what_one_other_claims(tmp_path: Path) -> None:
    """And a revision that the repository does not have is named as such."""
    code = tmp_path / "code"
    code.mkdir()
    git(code, "init", "--quiet", "--initial-branch", "main")
    commit = push(code)
    assert deployed(tmp_path, "main", claimed_commit=commit) == commit
    refused = deployed(tmp_path, "main", claimed_commit="1" * 40)
    assert f"service_revision main is {commit} here, and {'1' * 40} on another host" in refused
    unknown = deployed(tmp_path, "v9")
    assert f"service_revision v9 is unknown: {code} has no such tag, branch or commit" in unknown


def test_a_commit_that_the_repository_lacks_is_named_by_a_plan(tmp_path: Path) -> None:
    """Mistyped, or never pushed: no list of names has it, so the repository itself is asked for it."""
    code = tmp_path / "code"
    code.mkdir()
    git(code, "init", "--quiet", "--initial-branch", "main")
    first, last = push(code), push(code)
    unknown = deployed(tmp_path, "1" * 40)
    assert f"service_revision {'1' * 40} is unknown: {code} has no such tag" in unknown
    assert [deployed(tmp_path, one) for one in (first, last)] == [first, last]
    # Where the repository can't be asked, the staging will tell: that is no reason to call it unknown.
    code.rename(tmp_path / "gone")
    assert deployed(tmp_path, first) == first


def test_no_host_chooses_what_another_deploys() -> None:
    """Two must say the same; a host with a revision of its own must not get another's."""
    names = ["wa-1", "wa-2", "wa-3"]
    hosts = [
        Host("db", (DATABASE,), REVISION),
        *(Host(name, (SERVICE,), REVISION) for name in names),
    ]
    next_one = Host("wa-4", (SERVICE,), {**REVISION, "service_revision": "next"})
    one, other = "1" * 40, "2" * 40
    said = commits_said([*hosts, next_one], {"wa-1": one, "wa-4": other})
    assert said == {revision_of(hosts[1]): {"wa-1": one}, revision_of(next_one): {"wa-4": other}}
    alone = said[revision_of(hosts[1])]
    assert resolution(hosts[1], alone) == (one, one)
    assert resolution(hosts[2], alone) == ("", one)
    assert resolution(hosts[3], {**alone, "wa-2": one}) == (one, one)
    assert resolution(hosts[1], {}) == ("", "")
    with pytest.raises(OperatorError, match=f"is {one} on wa-1, {other} on wa-2: it moved"):
        resolution(hosts[3], {**alone, "wa-2": other})
