"""The table of a directory's files: little memory, nothing lost."""

from __future__ import annotations

import os
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from sessionstore.files import ARTEFACT, CREDS, KEY, UNKNOWN, FileEntry, FileTable, PackedNames
from sessionstore.grammar import Key

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
    names = PackedNames()
    for entry in found:
        names.append(entry.name)
    packed = FileTable(names)
    for entry in found:
        packed.append(entry)
    return packed


@given(st.lists(entries, max_size=12))
def test_what_goes_in_comes_out(found: list[FileEntry]) -> None:
    """Names of any bytes, digests or none: an import and its proof rest on them."""
    packed = table(found)
    assert list(packed) == found and list(packed.names) == [entry.name for entry in found]
    assert packed[1:] == found[1:] and len(packed) == len(found)
    for kind in (KEY, CREDS, ARTEFACT, UNKNOWN):
        of_kind = [entry for entry in found if entry.kind == kind]
        assert packed.count_of(kind) == len(of_kind)
        assert packed.first_of(kind) == (of_kind[0] if of_kind else None)


@given(st.lists(st.tuples(st.integers(0, 2**63), st.binary(min_size=1, max_size=9))))
def test_an_order_loses_no_name(found: list[tuple[int, bytes]]) -> None:
    """Files are read by inode; a name that falls out is a key that is lost."""
    names = PackedNames()
    for _, raw in found:
        names.append(os.fsdecode(raw))
    numbers = [number for number, _ in found]
    expected = [os.fsdecode(raw) for _, raw in sorted(found, key=lambda one: one[0])]
    assert list(names.ordered_by(numbers)) == expected


def test_a_key_knows_itself() -> None:
    """Only what the grammar called a key has one."""
    assert FileEntry("pre-key-1.json", KEY, 0, 0).key == Key("pre-key", "1")
    assert FileEntry("creds.json", CREDS, 0, 0).key is None


def test_a_million_files_fit_on_a_small_host() -> None:
    """80 bytes for each listed file keep an import of a million of them under 150 MB."""
    names = PackedNames()
    tracemalloc.start()
    for number in range(20_000):
        names.append(f"sender-key-{120363000000000000 + number}@g.us--15550001111--0.json")
    packed = FileTable(names)
    for name in names:
        packed.append(FileEntry(name, KEY, 0, 0))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(packed) < 100
