"""Proof, archive and removal of a directory, each against the plainest thing that touches the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from statistics import median

from bench.store_setting import Setting, act, fresh_database, seconds_of, setting
from sessionstore.archive import create
from sessionstore.disk.opening import closing, open_directory


def compare(keys: int, rounds: int) -> list[str]:
    """Import, prove, archive and remove, each beside its own yardstick.

    Args:
        keys: how many session files.
        rounds: how many times each side runs.

    Returns:
        The table's rows: medians in seconds, and ours as a multiple of the other's time.
    """
    times: dict[str, list[float]] = {}
    with setting(keys) as given:
        recipient = _recipient(given.place)
        for turn in range(rounds):
            with fresh_database(given.server, f"turn{turn}") as database:
                for what, seconds in _round(given, database, recipient).items():
                    times.setdefault(what, []).append(seconds)
    middle = {what: median(seconds) for what, seconds in times.items()}
    removal = f"removal of {keys:,} files, proven again"
    return [
        _row(f"proof of {keys:,} keys; their import", middle["prove"], middle["import"]),
        _row(f"archive of {keys:,} files; `tar \\| zstd`", middle["archive"], middle["tar"]),
        _row(f"{removal}; `rm -rf`", middle["remove"], middle["rm"]),
        _row(f"{removal}; all files read, then `rm -rf`", middle["remove"], middle["read and rm"]),
    ]


def _row(what: str, ours: float, other: float) -> str:
    return f"| {what} | {ours:.2f} | {other:.2f} | {ours / other:.2f} × the time |"


def _round(given: Setting, database: dict[str, str], recipient: str) -> dict[str, float]:
    place = given.place
    plan = {"database": database, "directory": given.directory}
    seconds = {name: act(name, **plan)["seconds"] for name in ("import", "prove")}
    out = place / "archives"
    out.mkdir()
    with closing(open_directory(str(given.directory))) as fd:
        seconds["archive"] = seconds_of(lambda: create.create(fd, str(out), "bench", [recipient]))
    seconds["tar"] = seconds_of(lambda: _tar(given.directory, place / "plain.tar.zst"))
    doomed = place / "copy" / given.directory.name
    doomed.parent.mkdir(exist_ok=True)
    _copy(given.directory, doomed)
    seconds["rm"] = seconds_of(lambda: _delete(doomed))
    _copy(given.directory, doomed)
    seconds["read and rm"] = seconds_of(lambda: _read_and_delete(doomed))
    _copy(given.directory, doomed)
    removed = act(
        "remove", database=database, directory=doomed, manifest=out / "bench.manifest.jsonl"
    )
    seconds["remove"] = removed["seconds"]
    shutil.rmtree(out)
    return seconds


def _copy(directory: Path, doomed: Path) -> None:
    # With the times of the originals: they are in the archive's manifest.
    subprocess.run(["cp", "-a", directory, doomed], check=True)
    # What is due for removal has lain on the disk for days. Files whose blocks were never written
    # are deleted several times faster, by both sides.
    os.sync()


def _delete(doomed: Path) -> None:
    subprocess.run(["rm", "-rf", doomed], check=True)


def _read_and_delete(doomed: Path) -> None:
    """The least that a deletion after a look at every byte can cost."""
    # Not tar: it reads nothing when it writes to /dev/null.
    read = ["find", str(doomed), "-type", "f", "-exec", "cat", "{}", "+"]
    subprocess.run(read, check=True, stdout=subprocess.DEVNULL)
    _delete(doomed)


def _recipient(place: Path) -> str:
    identity = place / "identity"
    subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True)
    shown = subprocess.run(["age-keygen", "-y", identity], check=True, capture_output=True)
    return shown.stdout.decode().strip()


def _tar(directory: Path, target: Path) -> None:
    with (
        target.open("wb") as file,
        subprocess.Popen(["tar", "-C", directory, "-c", "."], stdout=subprocess.PIPE) as tar,
    ):
        subprocess.run(["zstd", "-q", "-3", "-c"], stdin=tar.stdout, stdout=file, check=True)
