"""A directory as Baileys 6 writes it, moved: every key is the same under either version's reader.

Version 6 does not install from a registry (its libsignal comes from GitHub), so its files
are made here; they are read by the real version 7, and by what version 6 takes for a Buffer.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from sessionstore.database.connection import connect
from sessionstore.keys.names import Key, decode, encode
from tests.store.service.seeded import COMPANY, Seeded
from tests.store.session_files import dump, keys, pair, write_company

SIX = (
    "pre-key",
    "session",
    "sender-key",
    "sender-key-memory",
    "app-state-sync-key",
    "app-state-sync-version",
)
CARELESS: dict[Key, Any] = {
    Key("pre-key", "101"): {"private": {"type": "Buffer", "data": [0, 127, 255]}},
    Key("pre-key", "102"): {"private": {"buffer": True, "data": "AH//"}},
    Key("pre-key", "103"): {"private": {"type": "Buffer", "data": ""}},
}
# As version 6 reads a key: base64 or numbers, marked either way. Names in any order.
READ_AS_SIX = """
import { createHash } from 'node:crypto'
const isBuffer = it => it && typeof it === 'object' && (it.buffer === true || it.type === 'Buffer')
const bytes = data => (typeof data === 'string' ? Buffer.from(data, 'base64') : Buffer.from(data))
const revive = (_, it) => (isBuffer(it) ? { bytes: bytes(it.data).toString('hex') } : it)
const sorted = it =>
  Array.isArray(it) ? it.map(sorted)
  : it && typeof it === 'object'
    ? Object.fromEntries(Object.keys(it).sort().map(name => [name, sorted(it[name])]))
    : it
let text = ''
for await (const part of process.stdin) text += part
const digests = JSON.parse(text).map(raw =>
  createHash('sha256').update(JSON.stringify(sorted(JSON.parse(raw, revive)))).digest('hex'))
console.log(JSON.stringify(digests))
"""


@pytest.fixture
def seeded(seeded: Seeded) -> Seeded:
    """The seeded releases, with version 6's files for version 7's."""
    shutil.rmtree(seeded.sessions)
    directory = write_company(seeded.sessions, COMPANY)
    for key in keys():
        if key.key_type not in SIX or "_1" in key.key_id:
            (directory / encode(key)).unlink()
    ids: dict[str, list[str]] = {}
    for path in directory.iterdir():
        if found := decode(path.name):
            ids.setdefault(found.key_type, []).append(found.key_id)
    assert tuple(sorted(ids)) == tuple(sorted(SIX))
    (seeded.peer / "keys.json").write_text(json.dumps(ids))
    return seeded


def test_the_real_library_reads_the_same_from_rows(
    imported: tuple[Seeded, dict[str, str]],
) -> None:
    """Key by key, sender keys in the array form that version 6 writes."""
    seeded, _ = imported
    files = seeded.digests_of_files()
    assert len(files) > 45 and all(line["digest"] for line in files)
    assert seeded.digests_of_rows() == files


def as_six(texts: list[str]) -> list[str]:
    """Digests of what version 6 reads."""
    command = ["node", "--input-type=module", "--eval", READ_AS_SIX]
    done = subprocess.run(
        command, input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    digests: list[str] = json.loads(done.stdout)
    return digests


@pytest.fixture
def careless(seeded: Seeded) -> Seeded:
    """And keys as careless writers of that time left them."""
    for key, value in CARELESS.items():
        path = seeded.sessions / f"company_{COMPANY}" / encode(key)
        path.write_text(dump({**pair(7), **value}))
    return seeded


def test_version_6_reads_the_same_from_rows(
    careless: Seeded, imported: tuple[Seeded, dict[str, str]]
) -> None:
    """Every spelling of a Buffer arrives as one that each version revives to the same bytes."""
    with connect(imported[1]) as conn:
        rows = conn.execute("SELECT key_type, key_id, value::text FROM whatsapp_keys").fetchall()
    names = [encode(Key(str(kind), str(key_id))) for kind, key_id, _ in rows]
    directory = careless.sessions / f"company_{COMPANY}"
    files = [(directory / name).read_text() for name in names]
    assert len(names) == len(list(directory.iterdir())) - 1
    digests = as_six(files)
    assert as_six([str(row[2]) for row in rows]) == digests
    # Of all keys only two are the same: those that spell the same bytes in two ways.
    assert len(set(digests)) == len(digests) - 1
