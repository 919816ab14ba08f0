"""Backups of the tables: made with the real pg_dump, restored for real, compared row by row."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from sessionstore.archive.sealed import exclusive
from sessionstore.backup import check as backup_check
from sessionstore.backup import dump
from sessionstore.backup import programs as pg_programs
from sessionstore.backup.manifest import read_manifest, text_of, verified
from sessionstore.database.connection import Connection, connect
from sessionstore.errors import ArchiveProblem, BackupProblem, DatabaseUnreachable, LockHeld
from sessionstore.retention.archives import DAMAGED, WHOLE
from sessionstore.retention.backups import look
from sessionstore.tables.layout import Tables
from tests.age import new_identity
from tests.postgres import client_programs
from tests.spoiled import spoil

from .commands import run
from .conftest import MIGRATIONS
from .service_tables import ORIGINAL

pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")
LATEST = "0007_whatsapp_imports_stored_in"
PASSWORD = r"pass:w\ord 'quoted' é"


@dataclass(frozen=True)
class Backups:
    """Makes and checks backups of one database with the server's own programs."""

    settings: dict[str, str]
    out: Path
    identity: str
    recipient: str
    programs: str

    def take(self, conn: Connection) -> dump.BackupReport:
        """Make the backup."""
        recipients = [self.recipient]
        out = str(self.out)
        return dump.take(conn, self.settings, out, "b", recipients, programs=self.programs)

    def check(self, made: dump.BackupReport) -> backup_check.BackupCheck:
        """Restore it and compare."""
        files = (made.backup, made.manifest, self.identity)
        return backup_check.check(*files, self.settings, programs=self.programs)


@pytest.fixture
def backups(
    empty_database: dict[str, str], tmp_path: Path, age_identity: tuple[str, str]
) -> Backups:
    """Backups of the test's database."""
    (tmp_path / "backups").mkdir()
    return Backups(empty_database, tmp_path / "backups", *age_identity, str(client_programs()))


def fill(conn: Connection) -> None:
    """Rows whose text is awkward, and enough of them that order matters."""
    conn.execute(
        """
        INSERT INTO whatsapp_auth VALUES ('1', '{"me": {"name": "Zoë 🦊\\n\\t\\\\"}}');
        INSERT INTO whatsapp_keys SELECT '1', 'pre-key', n::text, jsonb_build_object('n', n / 7.0)
          FROM generate_series(1, 500) n;
        UPDATE whatsapp_keys SET expires_at = now() WHERE key_id = '7';
        """
    )


def test_a_backup_restores_to_what_was_dumped(conn: Connection, backups: Backups) -> None:
    """Triggers, foreign key and all; the second time it is there already."""
    fill(conn)
    made = backups.take(conn)
    assert (made.tables, made.rows, made.reused) == (6, 508, False)
    assert sorted(path.name for path in backups.out.iterdir()) == [
        "b.backup.json",
        "b.dump.zst.age",
    ]
    assert all(path.stat().st_mode & 0o077 == 0 for path in backups.out.iterdir())
    conn.execute("DELETE FROM whatsapp_keys")
    checked = backups.check(made)
    assert (checked.tables, checked.rows) == (6, 508)
    again = backups.take(conn)
    assert again.reused and again.rows == 508
    left = conn.execute("SELECT count(*) FROM pg_database WHERE datname ~ 'rollout_check'")
    assert left.fetchone() == (0,)


def test_the_services_own_tables_restore_too(
    empty_database: dict[str, str], backups: Backups
) -> None:
    """Before the first migration: its four indexes, its triggers and their function."""
    with connect(empty_database) as conn:
        conn.execute(ORIGINAL.encode())
        made = backups.take(conn)
    assert (made.tables, made.rows) == (2, 3)
    backups.check(made)


def test_without_tables_there_is_nothing_to_back_up(
    empty_database: dict[str, str], backups: Backups
) -> None:
    """Said, and no empty file that looks like a backup."""
    with connect(empty_database) as conn:
        made = backups.take(conn)
    assert (made.backup, made.tables) == ("", 0)
    assert not list(backups.out.iterdir())


def test_a_write_during_the_dump_is_in_neither(
    conn: Connection, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dump and digests are of one snapshot: the service writes all the time."""
    fill(conn)
    running = pg_programs.running

    def write_first(
        *arguments: Any, **more: Any
    ) -> AbstractContextManager[subprocess.Popen[bytes]]:
        with connect(backups.settings) as service:
            service.execute("DELETE FROM whatsapp_keys WHERE key_id::int > 100")
        return running(*arguments, **more)

    monkeypatch.setattr(pg_programs, "running", write_first)
    made = backups.take(conn)
    monkeypatch.undo()
    assert made.rows == 508
    backups.check(made)


def test_one_changed_row_or_bit_is_found(conn: Connection, backups: Backups) -> None:
    """In the manifest's digest, and in the file."""
    fill(conn)
    made = backups.take(conn)
    manifest = Path(made.manifest)
    good = manifest.read_text()
    says = json.loads(good)
    for table in says["tables"]:
        if table["name"].endswith("whatsapp_keys"):
            table["sha256"] = "0" * 64
    manifest.write_text(json.dumps(says))
    with pytest.raises(BackupProblem, match="the manifest was altered"):
        backups.check(made)
    manifest.write_bytes(text_of(read_manifest(str(manifest))))
    with pytest.raises(BackupProblem, match="restored with other rows"):
        backups.check(made)
    manifest.write_text(good)
    content = bytearray(Path(made.backup).read_bytes())
    content[len(content) // 2] ^= 1
    Path(made.backup).write_bytes(content)
    with pytest.raises(BackupProblem, match="not what its manifest says"):
        verified(made.backup, made.manifest)
    with pytest.raises(BackupProblem, match="not what its manifest says"):
        backups.take(conn)
    manifest.write_text(good[: len(good) // 2])
    with pytest.raises(BackupProblem, match="cut off"):
        verified(made.backup, made.manifest)


def test_a_manifest_whose_values_are_of_other_kinds_is_none(
    conn: Connection, backups: Backups
) -> None:
    """One of them on the shelf ended the daily check in a traceback; a pipe would hold it up."""
    manifest = Path(backups.take(conn).manifest)
    says = json.loads(manifest.read_text())
    others: tuple[object, ...] = (None, 1.5, [1], {})
    for place in (says, says["tables"][0]):
        for name, good in list(place.items()):
            for value in others:
                place[name] = value
                manifest.write_text(json.dumps(says))
                with pytest.raises(BackupProblem, match="not the manifest of a backup"):
                    read_manifest(str(manifest))
                assert [one.state for one in look(str(backups.out), Tables())] == [DAMAGED]
            place[name] = good
    manifest.write_text(json.dumps(says))
    assert [one.state for one in look(str(backups.out), Tables())] == [WHOLE]
    manifest.unlink()
    os.mkfifo(manifest)
    with pytest.raises(BackupProblem, match="not a regular file"):
        read_manifest(str(manifest))


def test_programs_that_are_missing_or_too_old_are_told_before_anything_is_done(
    conn: Connection, backups: Backups, tmp_path: Path
) -> None:
    """Debian 12 has version 15, Debian 13 version 17; a managed server may be newer."""
    old = tmp_path / "bin"
    old.mkdir()
    with pytest.raises(BackupProblem, match="pg_dump is not installed"):
        replace(backups, programs=str(old)).take(conn)
    (old / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.18 (Debian)'\n")
    (old / "pg_dump").chmod(0o755)
    with pytest.raises(
        BackupProblem, match=r"15 is too old for this server, .* version 18"
    ) as told:
        replace(backups, programs=str(old)).take(conn)
    assert "postgresql-client-18" in str(told.value)
    assert not list(backups.out.iterdir())


def test_a_table_that_may_not_be_read_is_told(conn: Connection, backups: Backups) -> None:
    """By pg_dump, in its own words; nothing is left behind."""
    conn.execute("CREATE ROLE blind LOGIN")
    try:
        blind = {**backups.settings, "user": "blind"}
        with connect(blind) as mine, pytest.raises(BackupProblem, match="permission denied"):
            replace(backups, settings=blind).take(mine)
    finally:
        conn.execute("DROP ROLE blind")
    assert not list(backups.out.iterdir())


def test_no_right_to_create_a_database_is_told(conn: Connection, backups: Backups) -> None:
    """Checking needs one of its own: nothing is restored into a database that is in use."""
    made = backups.take(conn)
    conn.execute("CREATE ROLE small LOGIN")
    try:
        small = {**backups.settings, "user": "small"}
        with pytest.raises(BackupProblem, match="permission denied to create database"):
            replace(backups, settings=small).check(made)
    finally:
        conn.execute("DROP ROLE small")


def test_two_at_once_and_a_wrong_identity(
    conn: Connection, backups: Backups, tmp_path: Path
) -> None:
    """Each its own error."""
    with exclusive(str(backups.out)), pytest.raises(LockHeld):
        backups.take(conn)
    made = backups.take(conn)
    other = tmp_path / "other"
    new_identity(other)
    with pytest.raises((ArchiveProblem, BackupProblem)):
        replace(backups, identity=str(other)).check(made)


def test_an_old_backup_is_not_taken_for_a_new_one(conn: Connection, backups: Backups) -> None:
    """Monday's, under the name that is given again on Friday, lacks what came in between."""
    fill(conn)
    create = ("backup", "create", "--out", str(backups.out), "--name", "b", "--plan", "-")
    how = ("--recipient", backups.recipient, "--programs", backups.programs)
    plan = {"database": backups.settings}
    outcomes = [run(*create, *how, plan=plan)[1][-1]["outcome"] for _ in range(2)]
    assert outcomes == ["backed up", "reused"]
    conn.execute("UPDATE whatsapp_keys SET value = '8' WHERE key_id = '8'")
    code, _, said = run(*create, *how, plan=plan)
    assert code == 1 and "have changed since" in said and "--name" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change the server's rules")
def test_the_password_is_used_and_seen_nowhere(
    server: dict[str, str], conn: Connection, backups: Backups
) -> None:
    """Arguments are for everybody to read, a file on the disk outlives a kill."""
    create = sql.SQL("CREATE ROLE secretive LOGIN SUPERUSER PASSWORD {}")
    conn.execute(create.format(sql.Literal(PASSWORD)))
    rules = Path(server["host"]) / "data" / "pg_hba.conf"
    before = rules.read_text()
    try:
        rules.write_text("local all secretive scram-sha-256\n" + before)
        conn.execute("SELECT pg_reload_conf()")
        settings = {**backups.settings, "user": "secretive", "password": PASSWORD}
        with pytest.raises(DatabaseUnreachable):
            connect({**settings, "password": "wrong"})
        with connect(settings) as mine:
            made = replace(backups, settings=settings).take(mine)
        replace(backups, settings=settings).check(made)
        show = ["/bin/sh", "-c", "tr '\\0' '\\n' < /proc/self/cmdline; env"]
        with pg_programs.running(show, settings, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            seen = process.stdout.read().decode()
        assert "PGUSER=secretive" in seen and PASSWORD not in seen and "w\\ord" not in seen
    finally:
        rules.write_text(before)
        conn.execute("SELECT pg_reload_conf()")
        conn.execute("DROP ROLE secretive")


def test_the_commands(conn: Connection, backups: Backups) -> None:
    """Made on the host, checked by whoever holds the identity."""
    fill(conn)
    plan = {"database": backups.settings}
    programs = ("--programs", backups.programs)
    where = ("--out", str(backups.out), "--name", "b", "--recipient", backups.recipient, *programs)
    code, events, _ = run("backup", "create", *where, "--plan", "-", plan=plan)
    assert (code, events[-1]["outcome"], events[-1]["rows"]) == (0, "backed up", 508)
    files = (events[-1]["backup"], "--manifest", events[-1]["manifest"])
    how = ("--identity", backups.identity, *programs)
    code, events, said = run("backup", "check", *files, *how, "--plan", "-", plan=plan)
    assert (code, events[-1]["outcome"]) == (0, "restored and equal"), said


def test_a_migration_is_preceded_by_a_backup_and_stopped_without_one(
    empty_database: dict[str, str], backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the tables as they were; nothing to do means nothing to back up."""
    monkeypatch.setenv("PATH", f"{backups.programs}:{os.environ['PATH']}")
    with connect(empty_database) as conn:
        conn.execute(ORIGINAL.encode())
    wanted: dict[str, Any] = {
        "method": "pg_dump",
        "reason": "",
        "directory": str(backups.out / "r"),
        "recipients": [],
    }
    plan = {"database": empty_database, "directory": MIGRATIONS, "backup": wanted}
    deploy = ("migrate", "deploy", "--plan", "-")
    assert run(*deploy, plan=plan)[0] == 1
    assert run("migrate", "status", "--plan", "-", plan=plan)[1][0]["action"] == "deploy"
    wanted["recipients"] = [backups.recipient]
    code, events, said = run(*deploy, plan=plan)
    assert (code, events[0]["outcome"], events[0]["rows"]) == (0, "backed up", 3), said
    code, events, _ = run(*deploy, plan=plan)
    assert (code, [event["event"] for event in events]) == (0, ["result"])
    there = sorted(backups.out.rglob("*"))
    for target in ((), ("--to", "0009_no_such"), ("--to", "nothing"), ("--to", LATEST)):
        _, events, said = run("migrate", "revert", *target, "--plan", "-", plan=plan)
        assert not any(event["event"] == "backup" for event in events), said
    assert sorted(backups.out.rglob("*")) == there, "what is refused needs no backup"
    plan["backup"] = {"method": "provider", "reason": "daily, kept 7 days"}
    back = ("migrate", "revert", "--to", "0005_whatsapp_stats", "--plan", "-")
    code, events, _ = run(*back, plan=plan)
    assert (code, events[0]["outcome"]) == (0, "provider")


def test_backups_go_with_their_time_but_the_latest_whole_one_of_a_kind_stays(
    conn: Connection, backups: Backups, empty_database: dict[str, str]
) -> None:
    """A disk that fills up with old dumps stops the next rollout; the last dump is the way back."""
    fill(conn)
    for number, name in ((1, "database-before-import"), (2, "database-before-import"),
                         (3, "database-before-import"), (2, "database-before-removal")):  # fmt: skip
        dated(conn, backups, number, name)
    newest = backups.out / "rollout-3" / "database-before-import.dump.zst.age"
    prune = ("archive", "prune", str(backups.out), "--keep-days", "30", "--plan", "-")
    plan = {"database": empty_database}

    whole = newest.read_bytes()
    spoil(newest)
    code, events, said = run(*prune, "--dry-run", plan=plan)
    assert (code, events[-1]["pruned"]) == (2, 1) and "damaged: look at it first" in said
    listing = newest.with_name("database-before-import.backup.json")
    good = listing.read_bytes()
    # Cut off, and the manifest made to fit: the whole one before it would go for it.
    says = {
        **json.loads(good),
        "backup_bytes": 9,
        "backup_sha256": hashlib.sha256(whole[:9]).hexdigest(),
    }
    newest.write_bytes(whole[:9])
    listing.write_text(json.dumps(says))
    code, events, said = run(*prune, "--dry-run", plan=plan)
    assert (code, events[-1]["pruned"]) == (2, 1) and "damaged: look at it first" in said
    newest.write_bytes(whole)
    listing.write_bytes(good)
    code, events, said = run(*prune, plan=plan)
    assert (code, events[-1]["pruned"], events[-1]["kept"]) == (0, 2, 2), said
    assert sorted(str(path.relative_to(backups.out)) for path in backups.out.rglob("*.age")) == [
        "rollout-2/database-before-removal.dump.zst.age",
        "rollout-3/database-before-import.dump.zst.age",
    ]
    note = json.loads(
        (backups.out / "rollout-1" / "database-before-import.pruned.json").read_text()
    )
    assert "a later database-before-import is whole" in note["why"]
    assert run(*prune, plan=plan)[1][-1]["outcome"] == "nothing to do"


@pytest.mark.parametrize("loss", ["whatsapp_keys, whatsapp_auth", "whatsapp_keys"])
def test_a_backup_of_tables_that_lost_their_rows_follows_none(
    conn: Connection, backups: Backups, empty_database: dict[str, str], loss: str
) -> None:
    """Rows went, a rollout backed up what was left: a day later the old backup is past its days."""
    fill(conn)
    old = dated(conn, backups, 1, "database-before-deploy")
    conn.execute(f"TRUNCATE {loss}".encode())
    dated(conn, backups, 2, "database-before-deploy")
    prune = ("archive", "prune", str(backups.out), "--keep-days", "30", "--plan", "-")
    code, events, said = run(*prune, plan={"database": empty_database})
    assert (code, events[-1]["pruned"]) == (0, 0) and Path(old.backup).exists(), said


def dated(conn: Connection, backups: Backups, day: int, name: str) -> dump.BackupReport:
    """Make a backup of that day in a directory of its own."""
    out = backups.out / f"rollout-{day}"
    out.mkdir(exist_ok=True)
    to, programs = [backups.recipient], backups.programs
    made = dump.take(conn, backups.settings, str(out), name, to, programs=programs)
    read = read_manifest(made.manifest)
    at = f"2020-01-0{day}T00:00:00+00:00"
    Path(made.manifest).write_bytes(text_of(replace(read, created_at=at)))
    return made
