"""Permission denied, met by a user without rights: told with what mends it, and root ends it."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from sessionstore.errors import StoreError

from .night import NAME, Night, at_step, ended, in_child
from .session_files import COMPANY

NewNight = Callable[[], Night]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give rights up")
NOBODY = 65534
FOLDER = f"company_{COMPANY}"
KEY = f"{FOLDER}/pre-key-7.json"
ARCHIVE, MANIFEST = f"../archives/{NAME}.tar.zst.age", f"../archives/{NAME}.manifest.jsonl"
DENIED, SUDO = "Permission denied", "Run it as root: sudo"
CLOSED, READ_ONLY, NAMES_ONLY = 0o000, 0o555, 0o444

Step = tuple[str, str, int]
AT_FIRST: Step = ("scan.scan.scan_directory", "call", 1)
STAGED: Step = ("importing.stage.stage", "return", 1)
IMPORTED: Step = ("importing.states.activate", "return", 1)
STREAMING: Step = ("archive.create._stream", "call", 1)
LISTING: Step = ("archive.sealed.write_file", "call", 1)
ARCHIVED: Step = ("archive.create.create", "return", 1)
DELETING: Step = ("removal.remove._delete", "call", 1)


class Met(NamedTuple):
    """A right that goes when a step is reached, and what the operator is told.

    Attributes:
        path: below the directory that holds the session directory.
        mode: what it is left with.
        step: as for :func:`at_step`.
        told: what, where, and what mends it.
    """

    path: str
    mode: int
    step: Step
    told: tuple[str, ...]


MET = {
    "import-directory": Met(NAME, CLOSED, AT_FIRST, (f"cannot open the directory: {DENIED}", SUDO)),
    "import-company": Met(
        f"{NAME}/{FOLDER}",
        CLOSED,
        AT_FIRST,
        (f"{FOLDER}: unreadable (cannot open the directory: {DENIED}. {SUDO})",),
    ),
    "import-no-file-opens": Met(
        f"{NAME}/{FOLDER}",
        NAMES_ONLY,
        AT_FIRST,
        ("problem(s) in the files", f"{KEY}: unreadable ({DENIED}. {SUDO})"),
    ),
    "import-key": Met(
        f"{NAME}/{KEY}",
        CLOSED,
        AT_FIRST,
        ("1 problem(s) in the files", f"{KEY}: unreadable ({DENIED}. {SUDO})"),
    ),
    "import-key-late": Met(
        f"{NAME}/{FOLDER}/creds.json",
        CLOSED,
        ("importing.stage._read_credentials", "call", 1),
        ("1 problem(s) in the files", f"creds.json: unreadable ({DENIED}. {SUDO})"),
    ),
    "prove-key": Met(f"{NAME}/{KEY}", CLOSED, STAGED, (f"{KEY}: unreadable: {DENIED}. {SUDO}",)),
    "archive-key": Met(
        f"{NAME}/{KEY}", CLOSED, IMPORTED, (f"can't be archived: {KEY}: {DENIED}. {SUDO}",)
    ),
    "archive-company": Met(
        f"{NAME}/{FOLDER}",
        CLOSED,
        IMPORTED,
        (f"can't be archived: {FOLDER}: cannot open the directory: {DENIED}", "as root: sudo"),
    ),
    "archive-key-late": Met(
        f"{NAME}/{KEY}",
        CLOSED,
        STREAMING,
        (f"cannot read a file, or its extended attributes: {DENIED} ({KEY}). {SUDO}",),
    ),
    "archive-into-closed": Met(
        "../archives", CLOSED, AT_FIRST, (f"{DENIED} (", "/archives). " + SUDO)
    ),
    "archive-into-read-only": Met(
        "../archives", READ_ONLY, AT_FIRST, (f"write the archive: {DENIED} (", f".age). {SUDO}")
    ),
    "archive-manifest": Met(
        "../archives", READ_ONLY, LISTING, (f"write the archive: {DENIED} (", f".age). {SUDO}")
    ),
    "remove-manifest": Met(
        MANIFEST, CLOSED, ARCHIVED, (f"read the manifest: {DENIED} (", f".jsonl). {SUDO}")
    ),
    "remove-archive": Met(
        ARCHIVE, CLOSED, ARCHIVED, (f"read the archive: {DENIED} (", f".age). {SUDO}")
    ),
    "remove-key": Met(
        f"{NAME}/{KEY}", CLOSED, ARCHIVED, (f"'{KEY}: {DENIED}. {SUDO}'", "Nothing was deleted.")
    ),
    "remove-from-read-only": Met(
        ".",
        READ_ONLY,
        ARCHIVED,
        (f"can't be renamed to {NAME}.removing: {DENIED}. {SUDO}", "Nothing was deleted."),
    ),
    "remove-in-read-only": Met(
        f"{NAME}/{FOLDER}",
        READ_ONLY,
        ARCHIVED,
        (f"removal stopped: {DENIED}. {SUDO} ({FOLDER}/", "run again"),
    ),
    "remove-company": Met(
        NAME, READ_ONLY, ARCHIVED, (f"removal stopped: {DENIED}. {SUDO} ({FOLDER})", "run again")
    ),
    "remove-company-late": Met(
        f"{NAME}/{FOLDER}",
        CLOSED,
        DELETING,
        (f"cannot open the directory: {DENIED} ({FOLDER}). {SUDO}",),
    ),
}


@pytest.mark.parametrize("met", MET.values(), ids=MET)
def test_a_right_is_missing(new_night: NewNight, met: Met) -> None:
    """Run without root by mistake: told what, where and what mends it; nothing half done."""
    night = new_night()
    closed = night.parent / met.path
    before = closed.stat().st_mode if closed.exists() else None

    def act() -> None:
        at_step(*met.step, lambda: closed.chmod(met.mode))
        night.run()

    said = told_as_nobody(night, act)
    for part in met.told:
        assert part in said
    assert not night.lost()
    if before is not None and closed.exists():
        closed.chmod(before)
    night.assert_converges()


def test_whether_somebody_holds_another_ones_file_is_not_guessed(new_night: NewNight) -> None:
    """The kernel gives no lease on it, and whose process has it open can't be seen."""
    night = new_night()
    key = night.root / KEY
    key.chmod(0o644)
    said = told_as_nobody(night, night.run, but=key)
    assert "nobody can tell who holds files" in said and KEY in said
    assert "Run as root of the machine itself." in said and "Nothing was deleted." in said
    assert night.root.is_dir(), "it kept the ending of a removal that was begun"
    night.assert_converges()


def told_as_nobody(night: Night, act: Callable[[], None], but: Path | None = None) -> str:
    """Run as a user who has no rights beyond owning everything; gives the error with its reasons."""
    heard = night.place / "heard"
    heard.touch()
    hand_over(night, heard)
    if but is not None:
        os.chown(but, 0, 0)

    # Python's own library may lie below a home that is closed to that user: loaded before.
    codecs.lookup("ascii")

    def work() -> None:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        try:
            act()
        except StoreError as error:
            heard.write_text(f"{error} {getattr(error, 'reasons', ())}")
            raise

    assert ended(in_child(work)) == 1, "it was not refused"
    return heard.read_text()


def hand_over(night: Night, *more: Path) -> None:
    """Everything belongs to a user without rights, who can also get there."""
    for path in (*night.place.parents, night.place):
        if path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    below = (path for place in (night.parent, night.out) for path in (place, *place.rglob("*")))
    for path in (*below, *more):
        os.chown(path, NOBODY, NOBODY)
