"""Keys and conversation with the real Baileys: in files, then in the rows made of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sessionstore.database.connection import connect
from sessionstore.keys.names import decode
from tests.store.service.seeded import COMPANY, Seeded


def names_in(directory: Path) -> set[str]:
    """The names of a directory's files."""
    return {path.name for path in directory.iterdir()}


def test_the_seed_is_the_day_of_the_clean_up(template: Seeded) -> None:
    """The figures that reports are compared with: 1,313 keys, 728 when first migrated, 4.1 MB."""
    assert len(names_in(template.sessions / f"company_{COMPANY}")) == 1313 + 1
    phase07 = template.old / "baileys_sessions.backup.phase07.20251107_200734"
    assert len(names_in(phase07 / f"company_{COMPANY}")) == 728 + 1
    backups = [p for p in (template.old / "baileys_sessions_backup").rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in backups) == pytest.approx(4_100_000, rel=0.05)
    test_files = list((template.old / "baileys_test_auth").iterdir())
    assert sum(p.stat().st_size for p in test_files) == pytest.approx(8_000, rel=0.25)


def test_the_grammar_finds_every_id_that_the_library_was_given(template: Seeded) -> None:
    """A name decoded to another id is a key that the service asks for in vain."""
    names = names_in(template.sessions / f"company_{COMPANY}") - {"creds.json"}
    assert {decode(name) for name in names} == template.ids()
    ids = [key.key_id for key in template.ids()]
    for awkward in ("::", "/", "+", "_1.", "_128.", "_129.", ":7@", "_reverse", "__index", "-16"):
        assert any(awkward in key_id for key_id in ids), awkward


def test_baileys_reads_the_same_keys_from_rows_as_from_files(
    imported: tuple[Seeded, dict[str, str]],
) -> None:
    """The one proof that owes nothing to our own code: the library's readers, key by key."""
    seeded, _ = imported
    files = seeded.digests_of_files()
    assert len(files) == 1313 + 1 and all(line["digest"] for line in files)
    assert seeded.digests_of_rows() == files


def test_the_conversation_goes_on_from_the_rows(imported: tuple[Seeded, dict[str, str]]) -> None:
    """Written before the move, read after it; a ratchet that went back would fail either way."""
    seeded, _ = imported
    message, reply = seeded.peer / "message.json", seeded.peer / "reply.json"
    seeded.talk(seeded.old, "peer-encrypt", text="до переезда", out=message)
    texts = seeded.talk(seeded.new, "service-decrypt", provider="postgres", **{"in": message})
    assert texts == ["до переезда"] * 2
    seeded.talk(seeded.new, "service-reply", provider="postgres", text="after", out=reply)
    assert seeded.talk(seeded.old, "peer-decrypt", **{"in": reply}) == ["after"]
    with pytest.raises(AssertionError, match="already"):
        seeded.talk(seeded.new, "service-decrypt", provider="postgres", **{"in": message})


def test_the_conversation_goes_on_in_files(seeded: Seeded) -> None:
    """The old release is in mid-conversation too: what a rollback has to keep working."""
    message = seeded.peer / "message.json"
    seeded.talk(seeded.old, "peer-encrypt", text="hello", out=message)
    read = seeded.talk(seeded.old, "service-decrypt", provider="files", **{"in": message})
    assert read == ["hello"] * 2


def test_an_older_snapshot_can_not_read_on(seeded: Seeded) -> None:
    """Why backups are archived and never imported: their ratchets are behind."""
    message = seeded.peer / "message.json"
    live = seeded.sessions / f"company_{COMPANY}"
    snapshot = seeded.old / "baileys_sessions.backup.phase07.20251107_200734" / live.name
    seeded.talk(seeded.old, "peer-encrypt", text="hello", out=message)
    shutil.rmtree(live)
    shutil.copytree(snapshot, live)
    with pytest.raises(AssertionError, match="Bad MAC"):
        seeded.talk(seeded.old, "service-decrypt", provider="files", **{"in": message})


def test_a_stranger_uses_up_a_pre_key(imported: tuple[Seeded, dict[str, str]]) -> None:
    """One transaction a `set`: the session is there and the consumed pre-key is gone."""
    seeded, database = imported
    message = seeded.peer / "stranger.json"
    seeded.talk(seeded.new, "stranger-encrypt", provider="postgres", text="hi", out=message)
    before = count(database, "pre-key")
    texts = seeded.talk(seeded.new, "service-decrypt", provider="postgres", **{"in": message})
    assert texts == ["hi"]
    assert count(database, "pre-key") == before - 1
    assert count(database, "session") == 241


def count(database: dict[str, str], key_type: str) -> int:
    """Rows of one type."""
    with connect(database) as conn:
        query = "SELECT key_id FROM whatsapp_keys WHERE key_type = %s"
        return len(conn.execute(query, [key_type]).fetchall())


WRITES = """
import { usePostgresAuthState } from './src/postgres-auth-state.js'
import { connectDatabase } from './src/database.js'
import { databaseSettings, loadSettings } from './src/settings.js'
loadSettings()
const pool = await connectDatabase(databaseSettings(), console)
const { state: { creds, keys } } = await usePostgresAuthState(pool, '962302')
const numbers = { 1: '12345678901234567890', 2: '7' }
await keys.set({ 'lid-mapping': numbers, session: { 'a.0': { x: 1 } } })
await keys.set({ session: { 'a.0': null }, 'lid-mapping': { 2: undefined } })
const half = { 'lid-mapping': { 1: null, 3: 'nul \\u0000' } }
const failed = await keys.set(half).then(() => '', error => error.code)
const got = await keys.get('lid-mapping', ['1', '2', '3'])
const sessions = await keys.get('session', ['a.0'])
const app = await keys.get('app-state-sync-key', [creds.myAppStateKeyId])
const bytes = app[creds.myAppStateKeyId].keyData.constructor.name
console.log(JSON.stringify({ failed, got, sessions, bytes }))
await pool.end()
"""


def test_writes_keep_types_and_stand_or_fall_together(
    imported: tuple[Seeded, dict[str, str]],
) -> None:
    """Strings stay strings, falsy deletes, and a `set` that fails half-way changes nothing."""
    seeded, _ = imported
    (seeded.new / "writes.mjs").write_text(WRITES)
    done = subprocess.run(
        ["node", "writes.mjs"], cwd=seeded.new, capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout or "{}") == {
        "failed": "22P05",
        "got": {"1": "12345678901234567890"},
        "sessions": {},
        "bytes": "Buffer",
    }, done.stderr
