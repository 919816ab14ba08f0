"""Old directories against a database that moved on: what may go, and what may not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionstore.database.connection import Connection
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import walk
from sessionstore.errors import Refused
from sessionstore.importing import stage, states
from sessionstore.judgement.activity import STOPPED, Activity
from sessionstore.keys.names import Key, encode
from sessionstore.removal.account import Accounting, account
from sessionstore.removal.second_proof import account_again
from sessionstore.scan.scan import scan_directory

from .rows import clocks, drop, put
from .session_files import (
    COMPANY,
    buffer,
    dump,
    keys,
    pair,
    sender_key,
    session,
    write_company,
)

LID_SESSION = Key("session", "99001133_1.0")


@pytest.fixture
def root(tmp_path: Path, conn: Connection) -> Path:
    """A live directory that was imported and is active in the database."""
    write_company(tmp_path / "baileys_sessions")
    old = tmp_path / "baileys_sessions"
    for path in old.rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    with scan_directory(str(old)) as scan:
        record = stage.stage(conn, scan, COMPANY, "rollout", "wa-1")
    states.activate(conn, record.import_id)
    return old


def look(conn: Connection, root: Path, kind: str = "live", **more: Any) -> Accounting:
    """Account for root; with every file read, and with those that a removal has read, alike."""
    more.setdefault("activity", Activity(STOPPED))
    with scan_directory(str(root)) as scan:
        found = account(conn, scan, kind, **more)
    with closing(open_directory(str(root))) as fd:
        assert account_again(conn, fd, walk(fd), str(root), kind, **more) == found
    return found


def moved_on(conn: Connection) -> None:
    """Eleven days: keys consumed, minted and advanced, a session moved to its LID."""
    clocks(conn, nextPreKeyId=843, firstUnuploadedPreKeyId=843)
    for number in (3, 4, 5):
        drop(conn, Key("pre-key", str(number)))
        put(conn, Key("session", f"1555888000{number}.0"), session(base=f"stranger {number}"))
    for number in range(813, 843):
        put(conn, Key("pre-key", str(number)), pair(number))
    put(conn, Key("session", "15550002222_1.14"), session(9))
    drop(conn, Key("session", "15550002222.0"))
    put(conn, LID_SESSION, session(4))
    put(conn, Key("sender-key", "120363000000000001@g.us::15550002222::0"), sender_key(4))
    put(
        conn,
        Key("app-state-sync-version", "critical_unblock_low"),
        {"version": 5, "hash": buffer(62, 128)},
    )
    put(conn, Key("device-list", "15550002222"), ["0", "14", "15"])


def test_a_file_that_changes_between_scan_and_judgement_is_not_judged(
    conn: Connection, root: Path
) -> None:
    """What the scan said of it (its problems, its digest) belongs to other bytes."""
    company = root / f"company_{COMPANY}"
    name = encode(LID_SESSION)
    put(conn, LID_SESSION, session(4))
    (company / name).write_text(dump(session(2)))
    with scan_directory(str(root)) as scan:
        (company / name).write_text(dump(session(3)))
        found = account(conn, scan, "live")
    (one,) = (one for one in found.dispositions if one.file.endswith(name))
    assert (one.outcome, one.reason) == ("unexplained", "the file changed since it was scanned")
    assert not found.decision.removable


def test_without_credentials_the_reason_is_their_absence(conn: Connection, root: Path) -> None:
    """Told that the database lacks the company, an operator would import over its rows."""
    (root / f"company_{COMPANY}" / "creds.json").unlink()
    reasons = {one.reason for one in look(conn, root).dispositions}
    assert len(reasons) == 1 and "without usable credentials" in reasons.pop()


def test_right_after_the_import_every_file_is_equal(conn: Connection, root: Path) -> None:
    """Nothing to explain."""
    answer = look(conn, root)
    assert answer.decision.removable and not answer.dispositions
    assert answer.decision.counts == {"equal": len(keys()) + 1}


def test_eleven_days_later_every_file_is_explained(conn: Connection, root: Path) -> None:
    """By evidence of its type, and the reason is said."""
    moved_on(conn)
    answer = look(conn, root)
    assert answer.decision.removable, answer.decision.reasons
    found = {one.file.rpartition("/")[2]: (one.outcome, one.reason) for one in answer.dispositions}
    assert answer.decision.counts == {
        "equal": len(keys()) + 1 - 9,
        "newer in database": 5,
        "absent, explained": 4,
    }
    assert "nextPreKeyId went from 813 to 843" in found["pre-key-3.json"][1]
    assert "99001133_1.0" in found["session-15550002222.0.json"][1]
    assert "from 5 to 9" in found["session-15550002222_1.14.json"][1]
    assert found["creds.json"][0] == "newer in database"


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (
            lambda c, r: drop(c, Key("sender-key-memory", "15550002222:3@s.whatsapp.net")),
            "sender-key-memory-15550002222-3@s.whatsapp.net.json",
        ),
        (
            lambda c, r: drop(c, Key("app-state-sync-key", "AAAAAFoo/+8=")),
            "app-state-sync-key-AAAAAFoo__+8=.json",
        ),
        (lambda c, r: put(c, Key("pre-key", "7"), pair(9999)), "pre-key-7.json"),
        (
            lambda c, r: put(c, Key("session", "15550003333_128.99"), session(6)),
            "session-15550003333_128.99.json",
        ),
        (lambda c, r: clocks(c, nextPreKeyId=800), "creds.json"),
        (lambda c, r: clocks(c, registrationId=9), "creds.json"),
        (lambda c, r: (r / "unknown.txt").write_text("x"), "unknown.txt"),
        (lambda c, r: (r / "pre-key-5000.json").write_text("{}"), "pre-key-5000.json"),
        (lambda c, r: (r / "pre-key-8.json").write_text("{"), "pre-key-8.json"),
        (lambda c, r: (r / "link").symlink_to("/etc/passwd"), "link"),
        (lambda c, r: (r / "creds.json").unlink(), "creds.json"),
        (
            lambda c, r: c.execute("DELETE FROM whatsapp_keys; DELETE FROM whatsapp_auth"),
            "pre-key-1.json",
        ),
    ],
)
def test_one_unexplained_key_blocks_and_is_named(
    conn: Connection, root: Path, harm: Callable[[Connection, Path], object], named: str
) -> None:
    """Lost, altered, gone back, or never seen before."""
    moved_on(conn)
    harm(conn, root / f"company_{COMPANY}")
    answer = look(conn, root)
    assert not answer.decision.removable
    assert any(named in reason for reason in answer.decision.reasons), answer.decision.reasons


def test_a_quiet_accounts_missing_pre_key_blocks_until_the_archive_may_be_its_only_copy(
    conn: Connection, root: Path
) -> None:
    """Used up by a contact, or deleted by a clean-up job while WhatsApp still hands it out: no value
    tells. The session that the contact began is there in both cases."""
    drop(conn, Key("pre-key", "3"))
    put(conn, Key("session", "15559990000.0"), session(1))
    answer = look(conn, root)
    assert not answer.decision.removable
    assert any("pre-key-3.json" in reason for reason in answer.decision.reasons)
    accepted = {"reason": "quiet account", "identities": True, "companies": [COMPANY]}
    assert not look(conn, root, acknowledge=accepted).decision.removable
    declared = look(conn, root, "backup").decision
    assert declared.removable and [name.rpartition("/")[2] for name in declared.beyond] == [
        "pre-key-3.json"
    ]


def test_a_company_that_another_importer_brought_is_held_against_its_rows(
    conn: Connection, root: Path
) -> None:
    """Without a record of ours, names are decoded and only the times of file and row can tell."""
    conn.execute("DELETE FROM whatsapp_imports")
    assert look(conn, root).decision.counts == {"equal": len(keys()) + 1}
    put(conn, Key("device-list", "15550002222"), ["0", "14", "15"])
    (one,) = look(conn, root).dispositions
    assert (one.outcome, one.file) == (
        "newer in database",
        f"company_{COMPANY}/device-list-15550002222.json",
    )
    future = time.time() + 3600
    os.utime(root / one.file, (future, future))
    (one,) = look(conn, root).dispositions
    assert one.outcome == "unexplained" and "was not written later" in one.reason


def test_a_backups_file_is_not_taken_for_what_was_imported(conn: Connection, root: Path) -> None:
    """The import's record is about the live directory: a backup's own times count."""
    put(conn, Key("device-list", "15550002222"), ["0", "14", "15"])
    old = backup(root)
    file = next(old.rglob("device-list-15550002222.json"))
    future = time.time() + 3600
    os.utime(file, (future, future))
    (one,) = (found for found in look(conn, old, "backup").dispositions if "device" in found.file)
    assert one.outcome == "archived only" and "was not written later" in one.reason


def test_a_misfiled_row_accounts_for_nothing(conn: Connection, root: Path) -> None:
    """('pre', 'key-7') encodes to the same name, but the service never finds it."""
    conn.execute("UPDATE whatsapp_keys SET key_type = 'pre', key_id = 'key-7' WHERE key_id = '7'")
    assert not look(conn, root).decision.removable


def backup(root: Path, **changes: Any) -> Path:
    """An older snapshot in a nested directory, with a file of its own."""
    directory = write_company(root.parent / "backup" / "2025-11-01", pre_keys=3, **changes)
    (directory / encode(Key("session", "15559999999.0"))).write_text(dump(session()))
    (directory / "notes.txt").write_text("before the update")
    return root.parent / "backup"


def test_a_backup_of_a_known_company_goes_with_its_archive(conn: Connection, root: Path) -> None:
    """What it holds beyond the database is listed."""
    place = backup(root, nextPreKeyId=700, firstUnuploadedPreKeyId=700)
    answer = look(conn, place, "backup")
    assert answer.decision.removable, answer.decision.reasons
    beyond = [name.rpartition("/")[2] for name in answer.decision.beyond]
    assert beyond == ["notes.txt", "session-15559999999.0.json"]
    assert not look(conn, place, "live").decision.removable


def test_another_identity_must_be_acknowledged(conn: Connection, root: Path) -> None:
    """It may be a customer's only copy."""
    place = backup(root, registrationId=1)
    refused = look(conn, place, "backup").decision
    assert not refused.removable and refused.needs_acknowledge
    given = {"reason": "a former number", "identities": True}
    accepted = look(conn, place, "backup", acknowledge=given).decision
    assert accepted.removable and "a former number" in accepted.reasons[0]


def test_a_backup_ahead_of_the_database_blocks(conn: Connection, root: Path) -> None:
    """Then the database is the older one."""
    place = backup(root, nextPreKeyId=5000)
    given = {"reason": "whatever", "identities": True}
    assert not look(conn, place, "backup", acknowledge=given).decision.removable


def test_a_flat_test_directory(conn: Connection, root: Path, tmp_path: Path) -> None:
    """A pairing of its own needs an acknowledgement; one that never paired does not."""
    write_company(tmp_path / "x", registrationId=77).rename(tmp_path / "baileys_test_auth")
    place = tmp_path / "baileys_test_auth"
    assert look(conn, place, "test").decision.needs_acknowledge
    given = {"reason": "a pairing made for tests", "identities": True}
    assert look(conn, place, "test", acknowledge=given).decision.removable
    # Torn credentials leave a fresh identity beside the old keys: that is no empty shell.
    (place / "creds.json").write_text('{"noiseKey":1}')
    assert look(conn, place, "test").decision.needs_acknowledge
    for path in place.iterdir():
        if not path.name.startswith(("pre-key-", "creds")):
            path.unlink()
    assert look(conn, place, "test").decision.removable


def test_a_flat_directory_is_recognised_by_its_identity(
    conn: Connection, root: Path, tmp_path: Path
) -> None:
    """No name tells whose it is, the credentials do."""
    write_company(tmp_path / "x").rename(tmp_path / "flat")
    answer = look(conn, tmp_path / "flat", "backup")
    assert answer.companies[0].company_id == COMPANY and answer.decision.removable


def test_an_empty_live_directory_may_go(conn: Connection, tmp_path: Path) -> None:
    """baileys_sessions was empty by then."""
    (tmp_path / "empty").mkdir()
    assert look(conn, tmp_path / "empty").decision.removable


def test_a_listing_accounts_for_nothing(conn: Connection, root: Path) -> None:
    """Names alone prove nothing."""
    with (
        scan_directory(str(root), contents=False) as scan,
        pytest.raises(Refused, match="read the files"),
    ):
        account(conn, scan, "live")
