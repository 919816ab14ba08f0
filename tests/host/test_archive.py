"""The encrypted archives: all that is left of a directory once it was removed."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from sessionstore.archive.check import check
from sessionstore.errors import ArchiveProblem

from .support.declared import Declared
from .support.target import ARCHIVE_SECONDS, Target
from .support.wording import joined, listed, not_checked, octal, problems


def recorded(target: Target, event: str, key: str) -> list[dict[str, Any]]:
    """What all lines of the host's history that tell of an event have under a key."""
    lines = [line for line in target.history if line["event"] == event]
    return [one for line in lines for one in line.get(key, [])]


def archived(target: Target) -> list[dict[str, Any]]:
    """Every archive on record: name, paths and hash."""
    return recorded(target, "archived", "archives")


def archives(target: Target) -> list[dict[str, Any]]:
    """Every archive on the host, hashed now; not checked where none is expected nor there."""
    place = str(target.declared.archives)
    found: list[dict[str, Any]] = target.probe(
        "archives.found", place, as_root=True, seconds=ARCHIVE_SECONDS
    )
    if not found and not archived(target):
        not_checked("nothing was archived on this host")
    assert found, f"archives are on record, and none is in {place}"
    return found


def test_what_was_removed_is_archived(target: Target) -> None:
    """The sessions are gone and there is no copy of them: no way back to them, ever."""
    there = {(one["rollout_id"], one["name"]) for one in archives(target)}
    on_record = [*recorded(target, "removed", "directories"), *archived(target)]
    wanted = {(str(one.get("set_aside_by")), str(one.get("name"))) for one in on_record}
    missing = [f"{rollout}/{name}" for rollout, name in sorted(wanted - there)]
    assert not missing, f"no archive of {joined(missing)}"


@problems
def test_archives_are_private(target: Target, declared: Declared) -> Iterator[str]:
    """Whoever has the file tries its key for years; the manifest tells names and numbers at once."""
    for one in archives(target):
        for path, mode in one["modes"].items():
            if mode != 0o600 or one["owners"][path] != 0:
                yield f"{path} has mode {octal(mode)}, owner {one['owners'][path]}"
    folder = target.host.file(str(declared.archives))
    if (folder.user, folder.mode) != ("root", 0o700):
        yield f"{declared.archives} is {folder.user}'s with mode {octal(folder.mode)}"


@problems
def test_archives_are_what_their_manifests_say(target: Target) -> Iterator[str]:
    """The archive was damaged on the disk, and nobody notices until it is needed."""
    for one in archives(target):
        says = one["manifest_says"]
        if says is None:
            yield f"{one['manifest']} is missing or was cut off"
        elif (says["archive_sha256"], says["archive_bytes"]) != (one["sha256"], one["bytes"]):
            yield f"{one['archive']} is not what its manifest says"


def test_archives_are_what_was_recorded(target: Target) -> None:
    """Archive and manifest were both replaced: what can be unpacked is not what was removed."""
    there = {one["archive"]: one["sha256"] for one in archives(target)}
    made = [(str(one["archive"]), one["sha256"]) for one in archived(target)]
    if not made:
        not_checked("the host's history has no record of an archive")
    wrong = [path for path, sha256 in made if there.get(path, sha256) != sha256]
    assert not wrong, f"not the archive that was made: {joined(wrong)}"


@problems
def test_archives_are_encrypted_to_the_declared_recipients(
    target: Target, declared: Declared
) -> Iterator[str]:
    """Session keys lie readable on the disk, or those who should be able to open them can't."""
    wanted = declared.texts("archive_recipients")
    for one in archives(target):
        says = one["manifest_says"] or {}
        if not one["recipients"]:
            yield f"{one['archive']} is not encrypted by age"
        elif one["recipients"] != len(says.get("recipients", [])):
            yield f"{one['archive']} has {one['recipients']} recipients"
        elif not set(says["recipients"]) & set(wanted):
            yield f"{one['archive']} is for none of the declared recipients"


@problems
def test_archives_open_with_the_identity(
    target: Target, declared: Declared, tmp_path: Path
) -> Iterator[str]:
    """An archive that nobody can open is no archive."""
    if not declared.text("archive_identity_file"):
        not_checked("no archive_identity_file is declared on this controller")
    identity = Path(declared.text("archive_identity_file")).expanduser()
    if not identity.is_file():
        not_checked(f"{identity} is not on this controller")
    for one in archives(target):
        local = {kind: tmp_path / PurePosixPath(one[kind]).name for kind in ("archive", "manifest")}
        for kind, path in local.items():
            target.fetch(one[kind], path)
        try:
            check(str(local["archive"]), str(local["manifest"]), str(identity))
        except ArchiveProblem as problem:
            yield f"{one['archive']}: {problem}"


def test_nothing_half_written_is_left(host: Any, declared: Declared) -> None:
    """An archive that was cut off lies about as if it were one."""
    if not host.file(str(declared.archives)).exists:
        not_checked(f"{declared.archives} does not exist: nothing was archived here")
    found = host.lines("find %s -name '.*.partial' -print", str(declared.archives))
    assert not found, f"left behind: {listed(found)}"
