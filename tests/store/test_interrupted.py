"""Ctrl-C and SIGTERM in the middle of a command: one sentence, nothing half done under a real name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import pytest

from sessionstore.commands import cli
from tests.postgres import client_programs

from .commands import run
from .conftest import MIGRATIONS
from .night import at_step, ended, in_child
from .session_files import write_company

pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")
NAME = "baileys_sessions"


def at_each(*steps: tuple[str, str, int]) -> pytest.MarkDecorator:
    """A test for each step, ended by SIGTERM and by Ctrl-C in turn."""
    return pytest.mark.parametrize(
        ("step", "number"),
        [
            pytest.param(step, number, id=f"{step[0]}-{step[1]}-{number.name}")
            for step, number in zip(steps, cycle((signal.SIGTERM, signal.SIGINT)), strict=False)
        ],
    )


class Command(NamedTuple):
    """A command as it is typed, with the plan on its standard input."""

    arguments: Sequence[str]
    plan: object = None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of session files."""
    write_company(tmp_path / NAME)
    (tmp_path / "out").mkdir()
    return tmp_path / NAME


def interrupted(
    place: Path, command: Command, step: tuple[str, str, int], number: int
) -> tuple[int, str]:
    """Run a command that is sent a signal at a step; gives its exit code and all that it said."""
    given, said = place / "given", place / "said"
    given.write_text(json.dumps(command.plan))

    def work() -> None:
        # Where the tests run in the background, Ctrl-C is ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for fd, path, flags in ((0, given, os.O_RDONLY), (1, said, os.O_WRONLY | os.O_CREAT)):
            os.dup2(os.open(path, flags, 0o600), fd)
        os.dup2(1, 2)
        for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
            setattr(sys, name, os.fdopen(fd, mode, closefd=False))
        at_step(*step, lambda: os.kill(os.getpid(), number))
        code = cli.main(command.arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    code = ended(in_child(work))
    text = said.read_text()
    said.unlink()
    return code, text


def assert_told(code: int, said: str, number: int) -> None:
    """The exit code of the signal, its name, what to do, and no traceback."""
    assert code == 128 + number, said
    assert "Traceback" not in said
    assert f"interrupted ({signal.Signals(number).name}). Run it again" in said


@at_each(
    ("archive.create.create", "call", 1),
    ("archive.create._stream", "call", 1),
    ("archive.tar.header", "return", 9),
    ("archive.sealed.hash_on_disk", "call", 1),
    ("archive.sealed.write_file", "return", 1),
    ("archive.sealed.publish", "return", 1),
)
def test_archiving(
    root: Path, age_identity: tuple[str, str], step: tuple[str, str, int], number: int
) -> None:
    """No half archive, and no program left that writes one."""
    out = root.parent / "out"
    where = ("--out", str(out), "--name", NAME, "--recipient", age_identity[1])
    create = Command(["archive", "create", str(root), *where])
    assert_told(*interrupted(root.parent, create, step, number), number)
    assert not [path.name for path in out.iterdir() if path.name.endswith(".partial")]
    code, events, _ = run(*create.arguments)
    assert code == 0
    paths = (events[-1]["archive"], "--manifest", events[-1]["manifest"])
    assert run("archive", "check", *paths, "--identity", age_identity[0])[0] == 0


@at_each(
    ("archive.extract.extract", "call", 1),
    ("archive.extract.file", "call", 9),
    ("archive.extract._finish", "call", 1),
    ("archive.extract._compare", "return", 1),
)
def test_extracting(
    root: Path, age_identity: tuple[str, str], step: tuple[str, str, int], number: int
) -> None:
    """Half a session directory looks like a whole one to a service."""
    place = root.parent
    where = ("--out", str(place / "out"), "--name", NAME, "--recipient", age_identity[1])
    made = run("archive", "create", str(root), *where)[1][-1]
    paths = (made["archive"], "--manifest", made["manifest"], "--identity", age_identity[0])
    extract = Command(["archive", "extract", *paths, "--to", str(place / "back")])
    assert_told(*interrupted(place, extract, step, number), number)
    assert not list(place.glob("back*"))
    assert run(*extract.arguments)[0] == 0


@at_each(("backup.dump._dump", "call", 1), ("backup.manifest.digest_of", "return", 2))
def test_backing_up(
    root: Path,
    database: dict[str, str],
    age_identity: tuple[str, str],
    step: tuple[str, str, int],
    number: int,
) -> None:
    """While pg_dump runs, and after it."""
    out = root.parent / "out"
    where = ("--out", str(out), "--name", "b", "--recipient", age_identity[1])
    programs = ("--programs", str(client_programs()))
    create = Command(["backup", "create", *where, *programs, "--plan", "-"], {"database": database})
    assert_told(*interrupted(root.parent, create, step, number), number)
    assert not list(out.iterdir())
    assert run(*create.arguments, plan=create.plan)[0] == 0


@at_each(("migrations.runner._apply", "call", 3), ("migrations.runner._record", "return", 3))
def test_migrating(
    root: Path, empty_database: dict[str, str], step: tuple[str, str, int], number: int
) -> None:
    """What was committed stays, what was not is as it was, and the lock is free again."""
    plan = {"database": empty_database, "directory": MIGRATIONS}
    deploy = Command(["migrate", "deploy", "--plan", "-"], plan)
    assert_told(*interrupted(root.parent, deploy, step, number), number)
    code, events, _ = run(*deploy.arguments, plan=plan)
    assert (code, events[-1]["outcome"], events[-1]["steps"] > 2) == (0, "done", True)
    assert run("migrate", "verify", "--plan", "-", plan=plan)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_reading(root: Path, number: int) -> None:
    """Nothing was being changed; the sentence is the same."""
    step = ("scan.scan.scan_directory", "return", 1)
    assert_told(*interrupted(root.parent, Command(["scan", str(root)]), step, number), number)
