"""One company's whole way, done as an operator's run does it; it may be cut off anywhere.

The parts are the real ones, in the order of a rollout: import, prove, make active, archive,
remove. A run begins by looking where the last one stopped.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from sessionstore.archive import create
from sessionstore.archive.check import check
from sessionstore.archive.manifest import read_manifest
from sessionstore.archive.sealed import verify_on_disk
from sessionstore.database import imports
from sessionstore.database.connection import Connection, connect
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import Tree
from sessionstore.errors import ArchiveProblem, LockHeld, Refused, StoreError
from sessionstore.importing import stage, states
from sessionstore.importing.proof import Proof, prove
from sessionstore.judgement.activity import STOPPED, Activity
from sessionstore.removal import remove
from sessionstore.removal.delete import HALF_REMOVED
from sessionstore.removal.second_proof import account_again
from sessionstore.scan.scan import scan_directory

from .session_files import COMPANY, keys, write_company

NAME = "baileys_sessions"
SIGKILL = 9
TABLES = "whatsapp_auth, whatsapp_keys, whatsapp_imports, whatsapp_import_files"
PRE_KEYS = 25


@dataclass
class Night:
    """A directory of session files, an empty database, and what must not be touched.

    Args:
        place: where everything lies.
        settings: of the database.
        identity: file of an age identity, and its recipient.
    """

    place: Path
    settings: dict[str, str]
    identity: tuple[str, str]
    files: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for directory in (self.parent, self.out, self.canary):
            directory.mkdir(parents=True)
        (self.canary / "creds.json").write_text("alive")
        write_company(self.root, pre_keys=PRE_KEYS)
        self.files = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
        }
        self._canary = digest(self.canary)
        with connect(self.settings) as conn:
            conn.execute(f"TRUNCATE {TABLES}".encode())

    @property
    def parent(self) -> Path:
        """The directory that holds the session directory."""
        return self.place / "app"

    @property
    def root(self) -> Path:
        """The session directory."""
        return self.parent / NAME

    @property
    def half(self) -> Path:
        """The session directory while it is being removed."""
        return self.parent / (NAME + HALF_REMOVED)

    @property
    def out(self) -> Path:
        """Where archives go."""
        return self.place / "archives"

    @property
    def canary(self) -> Path:
        """Something that is nobody's business."""
        return self.place / "canary"

    @property
    def archive(self) -> tuple[str, str]:
        """Paths of archive and manifest."""
        return f"{self.out}/{NAME}.tar.zst.age", f"{self.out}/{NAME}.manifest.jsonl"

    def run(self, settings: dict[str, str] | None = None) -> None:
        """Do everything that is left to be done.

        Raises:
            StoreError: what an operator would be told.
        """
        with connect(settings or self.settings) as conn:
            if self.root.exists():
                self._import(conn)
                with closing(open_directory(str(self.root))) as fd:
                    create.create(fd, str(self.out), NAME, [self.identity[1]])
            if self.root.exists() or self.half.exists():
                self._remove(conn)

    def _import(self, conn: Connection) -> None:
        record = imports.find_for_company(conn, COMPANY)
        if record is not None and record.state == "active":
            return
        if record is not None and not self._prove(conn, record.import_id).ok:
            with scan_directory(str(self.root)) as scan:
                states.withdraw(conn, record.import_id, scan)
            record = None
        if record is None:
            with scan_directory(str(self.root)) as scan:
                record = stage.stage(conn, scan, COMPANY, "20261122T140000Z-n1", "wa-1")
        proof = self._prove(conn, record.import_id)
        if not proof.ok:
            reasons = [f"{one.file}: {one.reason}" for one in proof.mismatches]
            raise Refused("the import is not equal to its files", NAME, "", reasons)
        states.activate(conn, record.import_id)

    def _prove(self, conn: Connection, import_id: str) -> Proof:
        with scan_directory(str(self.root)) as scan:
            return prove(conn, import_id, scan)

    def _remove(self, conn: Connection) -> None:
        manifest = verify_on_disk(*self.archive)

        def objections(fd: int, tree: Tree) -> tuple[str, ...]:
            found = account_again(
                conn, fd, tree, NAME, "live", company_ids=[COMPANY], activity=Activity(STOPPED)
            )
            return () if found.decision.removable else found.decision.reasons

        with closing(open_directory(str(self.parent))) as parent:
            remove.remove(parent, NAME, manifest=manifest, objections=objections)

    def lost(self) -> list[str]:
        """Files whose content is neither on the disk, nor in the database, nor in the archive."""
        missing = {
            name: content
            for name, content in self.files.items()
            if content not in (_content(self.root / name), _content(self.half / name))
        }
        if missing and self._archive_opens():
            names = read_manifest(self.archive[1]).entries
            missing = {
                name: content
                for name, content in missing.items()
                if name not in names or names[name].sha256 != hashlib.sha256(content).hexdigest()
            }
        if missing and self.in_database():
            missing = {}
        return sorted(missing)

    def _archive_opens(self) -> bool:
        try:
            check(*self.archive, self.identity[0])
        except ArchiveProblem:
            return False
        return True

    def in_database(self) -> bool:
        """Whether the database holds exactly every key and the credentials."""
        with connect(self.settings) as conn:
            rows = conn.execute(
                "SELECT key_type, key_id, value FROM whatsapp_keys WHERE company_id = %s", [COMPANY]
            ).fetchall()
            credentials = conn.execute("SELECT count(*) FROM whatsapp_auth").fetchone()
        wanted = {tuple(key): value for key, value in keys(PRE_KEYS).items()}
        return credentials == (1,) and {(t, i): v for t, i, v in rows} == wanted

    def converge(self) -> None:
        """Run again as an operator would: another one's lock is waited for, nothing else."""
        for _ in range(50):
            try:
                return self.run()
            except LockHeld:
                time.sleep(0.1)
        raise AssertionError("a lock was never given back")

    def assert_done(self) -> None:
        """The end that an undisturbed night has."""
        assert self.in_database()
        assert not list(self.parent.iterdir())
        assert {str(path) for path in self.out.iterdir()} == set(self.archive)
        assert check(*self.archive, self.identity[0]).files == len(self.files)
        with connect(self.settings) as conn:
            assert conn.execute("SELECT state FROM whatsapp_imports").fetchall() == [("active",)]
        self.assert_canary()

    def assert_canary(self) -> None:
        """Nothing outside was touched."""
        assert digest(self.canary) == self._canary

    def assert_converges(self) -> None:
        """Nothing is lost, now and after the next run, and that run ends as any other."""
        assert not self.lost()
        self.converge()
        self.assert_done()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def digest(directory: Path) -> str:
    """Names, contents, modes and times of everything below a directory."""
    found = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        found.update(f"{path}|{status.st_mode}|{status.st_mtime_ns}|{status.st_ino}".encode())
        if path.is_file():
            found.update(path.read_bytes())
    return found.hexdigest()


def at_step(function: str, when: str, number: int, act: Callable[[], None]) -> None:
    """Act when a function of this project is entered or left for the n-th time.

    Args:
        function: its name, such as ``archive.create`` (module and function).
        when: "call" or "return".
        number: counted from 1.
        act: what is done, once.
    """
    module, _, name = function.rpartition(".")
    left = number

    def watch(frame: FrameType, event: str, _: Any) -> None:
        nonlocal left
        code = frame.f_code
        if event != when or code.co_name != name:
            return
        if frame.f_globals.get("__name__") != f"sessionstore.{module}":
            return
        left -= 1
        if left == 0:
            act()

    threading.setprofile(watch)
    sys.setprofile(watch)


def no_more_steps() -> None:
    """Take back what :func:`at_step` set up in this process."""
    threading.setprofile(None)
    sys.setprofile(None)


def in_child(work: Callable[[], None]) -> int:
    """Do work in a process of its own.

    Returns:
        The process's id; it ends with 0, with 1 after a StoreError, with 99 after anything else.
    """
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        work()
        code = 0
    except StoreError:
        code = 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """Wait for a process; gives its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def at_deletion(number: int, act: Callable[[], object]) -> None:
    """Act when this process is about to delete the n-th session file. It can't be taken back."""
    left, inside = number, False

    def watch(event: str, given: tuple[object, ...]) -> None:
        nonlocal left, inside
        if event != "os.remove" or inside or not str(given[0]).endswith(".json"):
            return
        if str(given[0]).startswith("."):
            return  # what is cleared away beside an archive
        left -= 1
        if left == 0:
            inside = True
            act()
            inside = False

    sys.addaudithook(watch)
