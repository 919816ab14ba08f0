"""Archives: written, damaged, opened for real with zstd and age."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sessionstore.archive import create
from sessionstore.archive.check import check
from sessionstore.archive.manifest import read_manifest
from sessionstore.archive.sealed import verify_on_disk
from sessionstore.disk import walk
from sessionstore.disk.opening import closing, open_directory
from sessionstore.errors import ArchiveProblem
from sessionstore.retention.archives import DAMAGED, look
from tests.age import new_identity

pytestmark = pytest.mark.skipif(
    not (shutil.which("age") and shutil.which("zstd")), reason="needs the programs zstd and age"
)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """An age identity: path of its file, and its recipient."""
    path = tmp_path_factory.mktemp("age") / "identity"
    return str(path), new_identity(path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with everything that is awkward in a tar."""
    root = tmp_path / "baileys_sessions_backup"
    deep = root / "company_1" / ("d" * 120)
    deep.mkdir(parents=True)
    (root / "company_1" / "creds.json").write_text('{"me":1}')
    (deep / "x.json").write_bytes(os.urandom(3_000_000))
    (root / "empty").write_bytes(b"")
    (root / "block").write_bytes(b"b" * 512)
    (root / os.fsdecode(b"\xff\xfe-bytes")).write_text("not utf-8")
    (root / "umlaut-\u00fc").write_text("utf-8")
    (root / "-rf").write_text("dash")
    (root / "new\nline").write_text("newline")
    (root / "empty-directory").mkdir(mode=0o711)
    (root / "block").chmod(0o4640)
    os.utime(root / "block", ns=(1, 1_234_567_890_123_456_789))
    os.utime(root / "empty", ns=(0, 0))
    return root


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where archives go."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def make(tree: Path, out: Path, recipient: str) -> create.ArchiveReport:
    """Archive tree into out."""
    with closing(open_directory(str(tree))) as fd:
        return create.create(fd, str(out), tree.name, [recipient])


def test_an_archive_opens_and_equals_the_directory(
    tree: Path, out: Path, identity: tuple[str, str]
) -> None:
    """The only proof that a backup is one."""
    report = make(tree, out, identity[1])
    assert (report.files, report.directories, report.reused) == (8, 4, False)
    checked = check(report.archive, report.manifest, identity[0])
    assert (checked.files, checked.bytes) == (report.files, report.bytes)
    verify_on_disk(report.archive, report.manifest)
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    assert sorted(path.name for path in out.iterdir()) == [
        "baileys_sessions_backup.manifest.jsonl",
        "baileys_sessions_backup.tar.zst.age",
    ]


def test_other_programs_put_it_back_exactly(
    tree: Path, out: Path, tmp_path: Path, identity: tuple[str, str]
) -> None:
    """In ten years there may be only age, zstd and tar."""
    report = make(tree, out, identity[1])
    target = tmp_path / "back"
    target.mkdir()
    command = f"age -d -i {identity[0]} {report.archive} | zstd -dc | tar -xpf - -C {target}"
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
    for path in [tree, *tree.rglob("*")]:
        other = target / tree.name / path.relative_to(tree)
        one, two = path.stat(), other.stat()
        assert (one.st_mode, one.st_uid, one.st_gid) == (two.st_mode, two.st_uid, two.st_gid)
        if path.is_file():
            assert one.st_mtime_ns == two.st_mtime_ns
            assert path.read_bytes() == other.read_bytes()
    assert len(list(tree.rglob("*"))) == len(list((target / tree.name).rglob("*")))


def test_tarfile_reads_it_too(
    tree: Path, out: Path, tmp_path: Path, identity: tuple[str, str]
) -> None:
    """A second reader that agrees: the stream is a real PAX tar."""
    report = make(tree, out, identity[1])
    command = f"age -d -i {identity[0]} {report.archive} | zstd -dc > {tmp_path}/plain.tar"
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
    with tarfile.open(tmp_path / "plain.tar") as tar:
        names = [member.name for member in tar]
    assert len(names) == len(set(names)) == report.files + report.directories


def test_the_second_time_it_is_reused(tree: Path, out: Path, identity: tuple[str, str]) -> None:
    """A run that was killed after archiving goes on from there."""
    first = make(tree, out, identity[1])
    second = make(tree, out, identity[1])
    assert second.reused and second.archive_sha256 == first.archive_sha256


def test_what_came_and_went_again_leaves_the_archive_usable(
    tree: Path, out: Path, identity: tuple[str, str]
) -> None:
    """Only the directory's own time tells of it; the archive holds every file as it is."""
    first = make(tree, out, identity[1])
    (tree / "company_1" / "came").write_text("x")
    (tree / "company_1" / "came").unlink()
    assert make(tree, out, identity[1]).reused
    (tree / "block").chmod(0o600)
    with pytest.raises(ArchiveProblem, match="in which block differs"):
        make(tree, out, identity[1])
    assert Path(first.archive).exists()


def test_an_archive_that_the_recipient_can_not_open_is_not_reused(
    tree: Path, out: Path, identity: tuple[str, str], tmp_path: Path
) -> None:
    """The directory would go, and its only copy open to an identity that is lost."""
    make(tree, out, identity[1])
    other = new_identity(tmp_path / "new")
    with pytest.raises(ArchiveProblem, match="not encrypted to age1"):
        make(tree, out, other)


def test_an_identity_in_the_wrong_place_is_never_told(
    tree: Path, out: Path, identity: tuple[str, str]
) -> None:
    """It stands in one file with its recipient; messages end up in logs and reports."""
    text = Path(identity[0]).read_text()
    secret = text.split()[-1]
    assert secret.startswith("AGE-SECRET-KEY-")
    for wrong in (secret, secret.lower(), text):
        with pytest.raises(ArchiveProblem, match="an identity, which is secret") as caught:
            make(tree, out, wrong)
        assert secret[20:].lower() not in str(caught.value).lower()
    make(tree, out, identity[1])
    alone = out / "identity"
    alone.write_text(secret + "\n")
    manifest = str(out / f"{tree.name}.manifest.jsonl")
    with pytest.raises(ArchiveProblem, match="age ended with 1") as caught:
        check(str(alone), manifest, identity[0])
    assert secret[20:] not in str(caught.value)


def test_an_archive_never_lies_in_the_directory_that_it_is_of(
    tree: Path, identity: tuple[str, str]
) -> None:
    """It would be removed together with it; and the directory would never equal it."""
    (tree / "archives").mkdir()
    for inside in (tree, tree / "archives"):
        with pytest.raises(ArchiveProblem, match="would lie in the directory"):
            make(tree, inside, identity[1])
    assert not list(tree.rglob("*.age"))


def test_another_archive_of_that_name_is_not_overwritten(
    tree: Path, out: Path, identity: tuple[str, str]
) -> None:
    """It may hold the only copy of something."""
    make(tree, out, identity[1])
    (tree / "more").write_text("x")
    with pytest.raises(ArchiveProblem, match="already"):
        make(tree, out, identity[1])


def test_leavings_of_a_killed_run_do_not_matter(
    tree: Path, out: Path, identity: tuple[str, str]
) -> None:
    """Half an archive under its partial name, a manifest without its archive."""
    (out / f".{tree.name}.tar.zst.age.partial").write_text("half")
    (out / f".{tree.name}.manifest.jsonl.partial").write_text("half")
    (out / f"{tree.name}.manifest.jsonl").write_text("stale")
    report = make(tree, out, identity[1])
    check(report.archive, report.manifest, identity[0])
    assert len(list(out.iterdir())) == 2


def _flip(path: Path, position: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[position] ^= 1
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("position", [5, 300, -400, -1])
def test_one_flipped_bit_is_found(
    tree: Path, out: Path, identity: tuple[str, str], position: int
) -> None:
    """Disks do that."""
    report = make(tree, out, identity[1])
    _flip(Path(report.archive), position)
    with pytest.raises(ArchiveProblem, match="not what its manifest says"):
        verify_on_disk(report.archive, report.manifest)
    with pytest.raises(ArchiveProblem):
        check(report.archive, report.manifest, identity[0])


def test_a_cut_off_archive_or_manifest_is_found(
    tree: Path, out: Path, identity: tuple[str, str]
) -> None:
    """A copy that was interrupted."""
    report = make(tree, out, identity[1])
    path, listing = Path(report.archive), Path(report.manifest)
    whole_archive = path.read_bytes()
    path.write_bytes(whole_archive[:-1000])
    with pytest.raises(ArchiveProblem):
        check(report.archive, report.manifest, identity[0])
    path.write_bytes(whole_archive)
    lines = listing.read_text().splitlines(keepends=True)
    for cut in (lines[:-1], lines[:3] + lines[4:], [], [*lines[:-1], lines[-1].rstrip()]):
        listing.write_text("".join(cut))
        with pytest.raises(ArchiveProblem, match="damaged"):
            read_manifest(report.manifest)


def test_a_manifest_of_other_contents_is_found(
    tree: Path, out: Path, tmp_path: Path, identity: tuple[str, str]
) -> None:
    """The manifest is what removal relies on; it must be this archive's."""
    report = make(tree, out, identity[1])
    (tree / "block").write_bytes(b"c" * 512)
    (tmp_path / "other").mkdir()
    other = make(tree, tmp_path / "other", identity[1])
    with pytest.raises(ArchiveProblem, match="sha256"):
        check(report.archive, other.manifest, identity[0])


def test_the_wrong_identity_opens_nothing(
    tree: Path, out: Path, tmp_path: Path, identity: tuple[str, str]
) -> None:
    """Told by age, and passed on."""
    report = make(tree, out, identity[1])
    wrong = tmp_path / "wrong"
    new_identity(wrong)
    with pytest.raises(ArchiveProblem, match="age ended with"):
        check(report.archive, report.manifest, str(wrong))


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "link").symlink_to("/etc/passwd"),
        lambda tree: os.mkfifo(tree / "fifo"),
    ],
)
def test_what_is_no_plain_file_is_refused(
    tree: Path, out: Path, identity: tuple[str, str], change: Callable[[Path], object]
) -> None:
    """It could not be removed afterwards either."""
    change(tree)
    with pytest.raises(ArchiveProblem, match="never touched"):
        make(tree, out, identity[1])
    assert not list(out.iterdir())


def test_a_file_that_changes_meanwhile_stops_it(
    tree: Path, out: Path, identity: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest would describe something else."""
    seen = walk.walk

    def walk_then_write(fd: int) -> walk.Tree:
        found = seen(fd)
        (tree / "block").write_bytes(b"c" * 512)
        return found

    monkeypatch.setattr(create, "walk", walk_then_write)
    with pytest.raises(ArchiveProblem, match="changed while it was archived"):
        make(tree, out, identity[1])
    assert not list(out.iterdir())


@pytest.mark.parametrize("recipients", [[], ["--output=/tmp/x"], ["age1UPPER"], [""]])
def test_only_recipients_are_recipients(tree: Path, out: Path, recipients: list[str]) -> None:
    """They become arguments of a program."""
    with closing(open_directory(str(tree))) as fd, pytest.raises(ArchiveProblem, match="recipient"):
        create.create(fd, str(out), "x", recipients)


def test_a_recipient_that_age_refuses_is_told(tree: Path, out: Path) -> None:
    """A pipe that breaks at once must still say why."""
    with closing(open_directory(str(tree))) as fd, pytest.raises(ArchiveProblem, match="age ended"):
        create.create(fd, str(out), "x", ["age1qqqqqqqq"])
    assert not list(out.iterdir())


def test_a_full_disk_is_told_and_leaves_nothing(tree: Path, identity: tuple[str, str]) -> None:
    """The directory must then stay."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    small = tree.parent / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
    try:
        with pytest.raises(ArchiveProblem, match="No space left"):
            make(tree, small, identity[1])
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_pipe_in_an_archive_s_place_holds_nobody_up(
    tree: Path, out: Path, identity: tuple[str, str]
) -> None:
    """Opened as a file it would be waited for, for ever: in the daily check as well."""
    report = make(tree, out, identity[1])
    Path(report.archive).unlink()
    os.mkfifo(report.archive)
    signal.alarm(30)
    try:
        with pytest.raises(ArchiveProblem, match="not a regular file"):
            verify_on_disk(report.archive, report.manifest)
        with pytest.raises(ArchiveProblem, match="not a regular file"):
            check(report.archive, report.manifest, identity[0])
        Path(report.manifest).unlink()
        os.mkfifo(report.manifest)
        with pytest.raises(ArchiveProblem, match="not a regular file"):
            read_manifest(report.manifest)
    finally:
        signal.alarm(0)


def test_a_manifest_whose_values_are_of_other_kinds_is_damaged(
    tree: Path, out: Path, identity: tuple[str, str]
) -> None:
    """One of them on the shelf ended the listing and the daily check in a traceback."""
    report = make(tree, out, identity[1])
    listing = Path(report.manifest)
    lines = [json.loads(line) for line in listing.read_text().splitlines()]
    for number in (0, 1, 4, -1):
        for name in lines[number]:
            others: tuple[object, ...] = (None, 1.5, [], {}, ["x"])
            for value in others if name != "recipients" else (1, [None]):
                changed = [dict(line) for line in lines]
                changed[number][name] = value
                listing.write_text("".join(json.dumps(line) + "\n" for line in changed))
                with pytest.raises(ArchiveProblem, match="damaged"):
                    read_manifest(report.manifest)
                assert [one.state for one in look(str(out), hashed=False)] == [DAMAGED]


def test_a_manifest_of_many_blocks_is_read_to_its_last_line(
    out: Path, identity: tuple[str, str], tmp_path: Path
) -> None:
    """It is parsed some thousand lines at a time; a line between two blocks is one file."""
    many = tmp_path / "many"
    many.mkdir()
    for number in range(2500):
        (many / f"pre-key-{number}.json").write_text("{}")
    report = make(many, out, identity[1])
    manifest = read_manifest(report.manifest)
    assert manifest.entries.keys() == {".", *(path.name for path in many.iterdir())}
    check(report.archive, report.manifest, identity[0])


def test_a_manifest_that_names_a_file_twice_is_damaged(
    tree: Path, out: Path, identity: tuple[str, str]
) -> None:
    """Which of the two lines is the file's nobody can tell, and removal goes by one of them."""
    listing = Path(make(tree, out, identity[1]).manifest)
    lines = listing.read_bytes().splitlines(keepends=True)
    listing.write_bytes(b"".join([*lines[:-1], lines[-2], lines[-1]]))
    with pytest.raises(ArchiveProblem, match="damaged"):
        read_manifest(str(listing))


@pytest.mark.parametrize("grows", [False, True])
def test_holes_without_end_are_not_read(tree: Path, grows: bool) -> None:
    """They take no room, and a file may grow faster than it is read."""
    path, huge = tree / "holes", 200 << 30
    path.touch()
    os.truncate(path, 1 << 30 if grows else huge)
    grown = threading.Timer(0.05, os.truncate, (path, huge))
    grown.start()
    began = time.monotonic()
    with closing(open_directory(str(tree))) as fd:
        (objection,) = walk.walk(fd).objections
    grown.join()
    assert objection.startswith("holes: ") and time.monotonic() - began < 60
