"""Disks, databases and people that fail in the middle: told clearly, nothing lost, then mended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sessionstore.archive import create
from sessionstore.database.connection import connect
from sessionstore.disk.opening import closing, open_directory
from sessionstore.errors import (
    ArchiveProblem,
    DatabaseUnreachable,
    OutcomeUnknown,
    Refused,
    StoreError,
)

from .night import SIGKILL, Night, at_step, ended, in_child, no_more_steps
from .proxy import Proxy
from .session_files import COMPANY

SOAK = bool(os.environ.get("ROLLOUT_SOAK"))
CUTS = 200 if SOAK else 8
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount file systems")
NEW_KEY = "pre-key-900.json"

NewNight = Callable[[], Night]


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[None]:
    """Mount something there."""
    subprocess.run(["mount", *options, path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """The file system below a directory takes no writes, as after an error of the disk."""
    with mounted(path, "--bind", str(path)):
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield


def test_the_database_goes_away_in_the_middle_of_each_step(new_night: NewNight) -> None:
    """At every statement of import, proof and removal, one after the other."""
    night = new_night()
    with Proxy(night.settings) as proxy:
        night.run(proxy.settings)
        statements = proxy.sent
    step, cuts = max(1, statements // CUTS), 0
    for number in range(1, statements + 1, step):
        night = new_night()
        with Proxy(night.settings) as proxy:
            proxy.cut_at(number)
            proxy.stay_down()
            said = ""
            try:
                night.run(proxy.settings)
            except (DatabaseUnreachable, OutcomeUnknown) as error:
                said = str(error)
        if not proxy.cuts:  # it needed fewer packets than the first time
            night.assert_done()
            continue
        cuts += 1
        assert "connect" in said, f"{number}: {said}"
        night.assert_converges()
    assert cuts


@pytest.mark.parametrize(
    ("step", "state"),
    [("importing.stage.stage", "staged"), ("importing.states.activate", "active")],
)
def test_the_connection_is_cut_after_commit_was_sent(
    new_night: NewNight, step: str, state: str
) -> None:
    """The server has it, nobody was told: neither “done” nor “not done” would be true."""
    night = new_night()
    with Proxy(night.settings) as proxy:
        at_step(step, "call", 1, proxy.cut_after_commit)
        try:
            with pytest.raises(OutcomeUnknown, match="COMMIT was under way"):
                night.run(proxy.settings)
        finally:
            no_more_steps()
        assert proxy.cuts == 1
    with connect(night.settings) as conn:
        assert conn.execute("SELECT state FROM whatsapp_imports").fetchall() == [(state,)]
    night.assert_converges()


@needs_root
def test_the_disk_is_full_while_archiving(new_night: NewNight) -> None:
    """At whatever byte: no half archive under its name, and the directory stays."""
    full = 0
    for kilobytes in (4, 8, 12, 16, 24, 1024) if SOAK else (4, 12, 1024):
        night = new_night()
        options = ("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs")
        with mounted(night.out, *options):
            try:
                night.run()
            except ArchiveProblem as problem:
                full += 1
                assert "No space left" in str(problem)
                assert not night.lost() and night.root.is_dir()
                assert not Path(night.archive[0]).exists()
            else:
                night.assert_done()
                continue
        night.assert_converges()
    assert full >= 2


@needs_root
@pytest.mark.parametrize("which", ["app", "archives"])
def test_the_file_system_is_read_only(new_night: NewNight, which: str) -> None:
    """Its place or the archives': one sentence, and everything stays."""
    night = new_night()
    with read_only(night.place / which):
        with pytest.raises(StoreError, match="Read-only file system"):
            night.run()
        assert night.root.is_dir() and not night.lost()
    night.assert_converges()


def test_one_bit_of_the_archive_is_flipped_before_removal(new_night: NewNight) -> None:
    """Nothing is deleted; the damaged file is left to be looked at, then a new one is made."""
    night = new_night()
    assert ended(in_child(lambda: die_before_removal(night))) == -SIGKILL
    sealed = Path(night.archive[0])
    content = bytearray(sealed.read_bytes())
    content[len(content) // 3] ^= 4
    sealed.write_bytes(content)
    with pytest.raises(ArchiveProblem, match="not what its manifest says"):
        night.run()
    assert night.root.is_dir() and not night.lost()
    sealed.rename(night.place / "damaged")
    night.assert_converges()


def die_before_removal(night: Night) -> None:
    """A run that ends when everything but the removal is done."""
    at_step("removal.remove.remove", "call", 1, lambda: os.kill(os.getpid(), signal.SIGKILL))
    night.run()


# Before anything is read, while rows are copied, before the proof, while it is archived, and
# when the proof before the removal is being made.
STARTED = [
    ("importing.stage.stage", "call", 1),
    ("importing.stage._copy", "return", 1),
    ("importing.proof.prove", "call", 1),
    ("archive.create._stream", "call", 1),
    ("removal.account.account", "call", 1),
]


@pytest.mark.parametrize("step", STARTED, ids=[step[0] for step in STARTED])
def test_somebody_starts_the_service_in_the_middle(
    new_night: NewNight, step: tuple[str, str, int]
) -> None:
    """It writes a key and keeps a file open; that key is the newest that the customer has."""
    night = new_night()
    company = night.root / f"company_{COMPANY}"
    services: list[subprocess.Popen[bytes]] = []
    at_step(*step, lambda: services.append(service(company)))
    try:
        with pytest.raises(StoreError) as told:
            night.run()
    finally:
        no_more_steps()
        for one in services:
            one.kill()
            one.wait()
    assert services, "the step was never reached"
    said = " ".join([str(told.value), *getattr(told.value, "reasons", ())])
    assert any(word in said for word in (NEW_KEY, "came or went", "changed", "holds it")), said
    assert (company / NEW_KEY).read_text() == "{}"
    assert night.root.is_dir() and not night.lost()
    (company / NEW_KEY).rename(night.place / "kept-by-the-operator.json")
    for path in night.out.iterdir():  # as its error says: an archive that is not of this state
        path.rename(night.place / path.name)
    night.assert_converges()


def service(company: Path) -> subprocess.Popen[bytes]:
    """A process that writes a session file and keeps another open, as the old version does."""
    code = (
        "import sys, time; from pathlib import Path; place = Path(sys.argv[1])\n"
        f"(place / '{NEW_KEY}').write_text('{{}}')\n"
        "kept = open(place / 'creds.json'); print(flush=True); time.sleep(60)"
    )
    started = subprocess.Popen([sys.executable, "-c", code, company], stdout=subprocess.PIPE)
    assert started.stdout is not None
    started.stdout.readline()
    return started


@pytest.mark.parametrize("step", STARTED, ids=[step[0] for step in STARTED])
@pytest.mark.parametrize("name", ["creds.json", "pre-key-7.json"])
def test_a_file_becomes_a_pipe_that_nobody_writes_to(
    new_night: NewNight, step: tuple[str, str, int], name: str
) -> None:
    """Between listing and opening: opened as a file it would hold the program up for ever."""
    night = new_night()
    file = night.root / f"company_{COMPANY}" / name

    def work() -> None:
        signal.alarm(30)
        at_step(*step, lambda: swap_for_pipe(file, night.place / "kept"))
        night.run()

    assert ended(in_child(work)) == 1
    assert (night.place / "kept").exists(), "the step was never reached"
    with pytest.raises(StoreError):
        night.run()
    # Swapped after the last proof, it is met when the directory has its other name already.
    there = night.half if night.half.exists() else night.root
    (night.place / "kept").rename(there / f"company_{COMPANY}" / name)
    night.assert_converges()


def swap_for_pipe(file: Path, kept: Path) -> None:
    """Put a FIFO in a file's place."""
    file.rename(kept)
    os.mkfifo(file)


@pytest.mark.parametrize("which", ["manifest", "both"])
def test_the_archive_is_of_another_directory(new_night: NewNight, which: str) -> None:
    """Under the right name, and whole: what it holds is somebody else's."""
    night, other = new_night(), new_night()
    for one in (night, other):
        if one is other:
            (one.root / f"company_{COMPANY}").rename(one.root / "company_777")
            (one.root / "company_777" / "pre-key-7.json").unlink()
        with closing(open_directory(str(one.root))) as fd:
            create.create(fd, str(one.out), one.root.name, [one.identity[1]])
    for mine, foreign in zip(night.archive, other.archive, strict=True):
        if which == "both" or mine.endswith(".jsonl"):
            Path(mine).rename(f"{mine}.kept")
            shutil.copy(foreign, mine)
    for resumed in (False, True):
        if resumed:
            night.root.rename(night.half)
        with connect(night.settings) as conn, pytest.raises(StoreError) as refused:
            night._remove(conn)
        wrong = "not in the archive" if which == "both" else "not what its manifest says"
        assert wrong in f"{refused.value} {getattr(refused.value, 'reasons', '')}"
        assert not night.lost()
    night.half.rename(night.root)
    for mine in night.archive:
        if Path(f"{mine}.kept").exists():
            Path(f"{mine}.kept").rename(mine)
    night.assert_converges()


def test_a_service_that_only_reads_is_seen_before_removal(new_night: NewNight) -> None:
    """It has the directory in its memory and may write any moment."""
    night = new_night()
    company = night.root / f"company_{COMPANY}"
    reader = subprocess.Popen(["sleep", "60"], cwd=company)
    try:
        with pytest.raises(Refused, match="holds it"):
            night.run()
    finally:
        reader.kill()
        reader.wait()
    assert night.root.is_dir() and not night.lost()
    night.assert_converges()
