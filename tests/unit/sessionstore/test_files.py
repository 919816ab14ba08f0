"""A directory's files, listed and kept: little memory, nothing lost."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.disk.opening import closing, open_directory
from sessionstore.keys.names import Key
from sessionstore.scan import table as files
from sessionstore.scan.table import (
    ARTEFACT,
    CREDS,
    KEY,
    UNKNOWN,
    Counts,
    FileEntry,
    FileTable,
    in_reading_order,
)

digests = st.one_of(st.none(), st.binary(min_size=32, max_size=32).filter(any).map(bytes.hex))
entries = st.builds(
    FileEntry,
    st.binary(min_size=1, max_size=255).map(os.fsdecode),
    st.sampled_from([KEY, CREDS, ARTEFACT, UNKNOWN]),
    st.integers(0, 2**63),
    st.integers(-(2**62), 2**62),
    digests,
    digests,
).map(lambda one: one if one.sha256 else one._replace(value_sha256=None))


def table(found: list[FileEntry]) -> FileTable:
    """All of them, in a table."""
    packed = FileTable()
    for entry in found:
        packed.append(entry)
    return packed


@given(st.lists(entries, max_size=12))
def test_what_goes_in_comes_out(found: list[FileEntry]) -> None:
    """Names of any bytes, digests or none: an import and its proof rest on them."""
    packed = table(found)
    assert list(packed) == found
    assert [packed[place] for place in range(len(packed))] == found
    for kind in (KEY, CREDS, ARTEFACT, UNKNOWN):
        of_kind = [entry for entry in found if entry.kind == kind]
        assert packed.first_of(kind) == (of_kind[0] if of_kind else None)


@pytest.mark.parametrize("window", [1, 7, 50_000])
def test_every_regular_file_is_listed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    """In the order of inodes as far as memory allows; a name that falls out is a key that is lost."""
    monkeypatch.setattr(files, "WINDOW", window)
    inodes = {}
    for number in range(40):
        path = tmp_path / f"pre-key-{number}.json"
        path.touch()
        inodes[path.name] = path.stat().st_ino
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("pre-key-1.json")
    with closing(open_directory(str(tmp_path))) as fd:
        found = list(in_reading_order(fd))
    assert sorted(found) == sorted(inodes)
    for start in range(0, len(found), window):
        listed = [inodes[name] for name in found[start : start + window]]
        assert listed == sorted(listed)


names = st.lists(st.binary(min_size=1, max_size=2).map(os.fsdecode), unique=True, max_size=6)


@given(names, names)
def test_a_file_that_came_or_went_is_noticed(counted: list[str], there: list[str]) -> None:
    """Also where as many came as went: an import compares what it read with what is there."""
    counts = Counts()
    for name in counted:
        counts.add(name, KEY, None)
    assert counts.are_of(there) == (set(counted) == set(there))
    assert counts.total == len(counted)


def test_a_key_knows_itself() -> None:
    """Only what the grammar called a key has one."""
    assert FileEntry("pre-key-1.json", KEY, 0, 0).key == Key("pre-key", "1")
    assert FileEntry("creds.json", CREDS, 0, 0).key is None


def test_a_million_files_fit_on_a_small_host() -> None:
    """A proof holds a table of them."""
    tracemalloc.start()
    packed = FileTable()
    for number in range(20_000):
        name = f"sender-key-{120363000000000000 + number}@g.us--15550001111--0.json"
        packed.append(FileEntry(name, KEY, 300, number, "ab" * 32, "cd" * 32))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(packed) < 170
