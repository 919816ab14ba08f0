"""The encrypted archives: all that is left of a directory once it was removed."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from sessionstore.archive.check import check
from sessionstore.errors import ArchiveProblem

from .support import history
from .support.declared import Declared
from .support.legacy import recorded
from .support.reporting import not_checked
from .support.target import ARCHIVE_SECONDS, Target
from .support.wording import joined, listed, octal

pytestmark = pytest.mark.on("service")


def archives(target: Target) -> list[dict[str, Any]]:
    """Every archive on the host, hashed now; not checked where none is expected nor there."""
    found: list[dict[str, Any]] = target.probe(
        "archives", str(target.declared.archives), as_root=True, seconds=ARCHIVE_SECONDS
    )
    if not found and not history.archived(recorded(target)):
        not_checked("nothing was archived on this host")
    assert found, f"archives are on record, and none is in {target.declared.archives}"
    return found


def test_what_was_removed_is_archived(target: Target) -> None:
    """The sessions are gone and there is no copy of them: no way back to them, ever."""
    there = {(one["rollout_id"], one["name"]) for one in archives(target)}
    lines = recorded(target)
    wanted = set(history.removed_names(lines))
    wanted |= {(str(one["set_aside_by"]), str(one["name"])) for one in history.archived(lines)}
    missing = [f"{rollout}/{name}" for rollout, name in sorted(wanted - there)]
    assert not missing, f"no archive of {joined(missing)}"


def test_archives_are_private(target: Target, declared: Declared) -> None:
    """Whoever has the file tries its key for years; the manifest tells names and numbers at once."""
    problems = []
    for one in archives(target):
        for path, mode in one["modes"].items():
            if mode != 0o600 or one["owners"][path] != 0:
                problems.append(f"{path} has mode {octal(mode)}, owner {one['owners'][path]}")
    folder = target.host.file(str(declared.archives))
    if (folder.user, folder.mode) != ("root", 0o700):
        problems.append(f"{declared.archives} is {folder.user}'s with mode {octal(folder.mode)}")
    assert not problems, listed(problems)


def test_archives_are_what_their_manifests_say(target: Target) -> None:
    """The archive was damaged on the disk, and nobody notices until it is needed."""
    problems = []
    for one in archives(target):
        says = one["manifest_says"]
        if says is None:
            problems.append(f"{one['manifest']} is missing or was cut off")
        elif (says["archive_sha256"], says["archive_bytes"]) != (one["sha256"], one["bytes"]):
            problems.append(f"{one['archive']} is not what its manifest says")
    assert not problems, listed(problems)


def test_archives_are_what_was_recorded(target: Target) -> None:
    """Archive and manifest were both replaced: what can be unpacked is not what was removed."""
    there = {one["archive"]: one["sha256"] for one in archives(target)}
    lines = history.archived(recorded(target))
    if not lines:
        not_checked("the host's history has no record of an archive")
    wrong = [
        str(line["archive"])
        for line in lines
        if line["archive"] in there and there[line["archive"]] != line["sha256"]
    ]
    assert not wrong, f"not the archive that was made: {joined(wrong)}"


def test_archives_are_encrypted_to_the_declared_recipients(
    target: Target, declared: Declared
) -> None:
    """Session keys lie readable on the disk, or those who should be able to open them can't."""
    wanted = declared.texts("archive_recipients")
    problems = []
    for one in archives(target):
        says = one["manifest_says"] or {}
        if not one["recipients"]:
            problems.append(f"{one['archive']} is not encrypted by age")
        elif one["recipients"] != len(says.get("recipients", [])):
            problems.append(f"{one['archive']} has {one['recipients']} recipients")
        elif not set(says["recipients"]) & set(wanted):
            problems.append(f"{one['archive']} is for none of the declared recipients")
    assert not problems, listed(problems)


def test_archives_open_with_the_identity(
    target: Target, declared: Declared, tmp_path: Path
) -> None:
    """An archive that nobody can open is no archive."""
    identity = declared.text("archive_identity_file")
    if not identity:
        not_checked("no archive_identity_file is declared on this controller")
    if not Path(identity).expanduser().is_file():
        not_checked(f"{identity} is not on this controller")
    problems = []
    for one in archives(target):
        local = {kind: tmp_path / PurePosixPath(one[kind]).name for kind in ("archive", "manifest")}
        for kind, path in local.items():
            target.fetch(one[kind], path)
        try:
            check(str(local["archive"]), str(local["manifest"]), str(Path(identity).expanduser()))
        except ArchiveProblem as problem:
            problems.append(f"{one['archive']}: {problem}")
    assert not problems, listed(problems)


def test_nothing_half_written_is_left(host: Any, declared: Declared) -> None:
    """An archive that was cut off lies about as if it were one."""
    if not host.file(str(declared.archives)).exists:
        not_checked(f"{declared.archives} does not exist: nothing was archived here")
    found = host.run_expect([0], "find %s -name '.*.partial' -print", str(declared.archives))
    assert not found.stdout.strip(), f"left behind: {listed(found.stdout.splitlines())}"
