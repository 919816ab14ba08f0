"""What `account` and `explain` are told of a service that is at work: a real process holds files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sessionstore.archive import create
from sessionstore.database.connection import Connection
from sessionstore.disk.opening import closing, open_directory
from sessionstore.importing import states

from .commands import PROJECT, run
from .imports import stage
from .session_files import COMPANY, write_company

ACCOUNT = ("account", "--plan", "-")
HELD = "pre-key-7.json"
#: Root without it can't look into processes that have it, as in many a container.
CLOSED = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
#: A hardened machine does not even list them.
_MOUNT = 'mount -t proc -o hidepid=2,gid=4242 proc /proc && exec "$@"'
HIDDEN = ("unshare", "--mount", "sh", "-c", _MOUNT, "sh", *CLOSED)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look into /proc")


@pytest.fixture
def root(tmp_path: Path, conn: Connection) -> Path:
    """A directory whose every file is in the database."""
    write_company(tmp_path / "baileys_sessions")
    states.activate(conn, stage(conn, tmp_path / "baileys_sessions").import_id)
    return tmp_path / "baileys_sessions"


@pytest.fixture
def plan(root: Path, database: dict[str, str]) -> dict[str, Any]:
    """What the commands are given."""
    return {"database": database, "directory": str(root), "kind": "live", "service": "stopped"}


@contextmanager
def at_work(code: str, directory: Path) -> Iterator[int]:
    """A process that does something in a directory and stays; gives its pid."""
    with subprocess.Popen(
        [sys.executable, "-c", f"import os; os.chdir({str(directory)!r}); {code}; input(print(1))"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout and process.stdout.readline() == b"1\n"
        yield process.pid
        process.stdin.write(b"\n")


OPENS = f"file = open({HELD!r}); os.chdir('/')"


def test_who_holds_a_file_is_named_until_it_lets_go(plan: dict[str, Any], root: Path) -> None:
    """By pid and command, with what to do: every key is safe, and yet nothing may go."""
    company = root / f"company_{COMPANY}"
    with at_work(OPENS, company) as pid:
        who = f"process {pid} (python"
        code, (*_, result), _ = run(*ACCOUNT, plan=plan)
        assert (code, result["outcome"]) == (2, "blocked")
        assert [(one["pid"], one["how"]) for one in result["holders"]] == [(pid, "open file")]
        assert [one.startswith(who) for one in result["reasons"]] == [True]
        code, (event,), said = run("explain", str(root), plan=plan)
        assert (code, event["outcome"]) == (2, "blocked") and who in event["would_change"]
        assert "held by 1 process" in said and who in said and "acknowledge" not in said
        code, (event,), said = run("explain", str(company / HELD), plan=plan)
        assert (code, event["outcome"]) == (2, "equal") and who in event["would_change"]
        assert "held by 1 process" in said and "has to stay for now" in said
        code, (event,), said = run("explain", str(company / "pre-key-8.json"), plan=plan)
        assert (code, event["holders"]) == (0, []) and "no process is seen to hold it" in said
    code, (result,), _ = run(*ACCOUNT, plan=plan)
    assert (code, result["outcome"], result["holders"]) == (0, "removable", [])
    assert run("explain", str(company / HELD), plan=plan)[0] == 0


@pytest.mark.parametrize("kind", ["live", "backup", "test"])
def test_a_shell_in_the_directory_is_enough(plan: dict[str, Any], root: Path, kind: str) -> None:
    """Whatever the kind; of a single file it is no holder."""
    company = root / f"company_{COMPANY}"
    with at_work("pass", company) as pid:
        code, (*_, result), _ = run(*ACCOUNT, plan={**plan, "kind": kind})
        assert code == 2 and result["holders"][0]["how"] == "working directory"
        assert f"process {pid} " in result["reasons"][0] and len(result["reasons"]) == 1
        assert run("explain", str(company / HELD), plan={**plan, "kind": kind})[0] == 0


@pytest.mark.parametrize(
    ("declared", "code", "words"),
    [
        ({"service": "files"}, 2, "runs on files, as was declared"),
        ({"service": "files", "kind": "backup"}, 0, "runs on files, as was declared"),
        ({"service": "database"}, 0, "runs on the database, as was declared"),
        ({"service": "stopped"}, 0, "is stopped, as was declared"),
        ({}, 2, "was not declared"),
        ({"kind": "backup"}, 0, "was not declared"),
    ],
)
def test_what_the_service_runs_on_is_declared(
    plan: dict[str, Any], root: Path, declared: dict[str, str], code: int, words: str
) -> None:
    """Its own files are not taken from under it: said of the directory, and of a file in it."""
    del plan["service"]
    given = {**plan, **declared}
    found, (*_, result), _ = run(*ACCOUNT, plan=given)
    assert (found, result["service"]) == (code, declared.get("service", "unknown"))
    for path in (root, root / f"company_{COMPANY}" / HELD):
        found, (event,), said = run("explain", str(path), plan=given)
        assert found == code and words in " ".join(said.split())
        files = declared.get("service") == "files"
        assert ("moving to the database first" in event["would_change"]) == (code == 2 and files)
        assert ("saying so" in event["would_change"]) == (code == 2 and not files)


def blindly(
    command: Sequence[str], plan: object, blind: Sequence[str] = CLOSED
) -> tuple[int, dict[str, Any]]:
    """Run a command that can't look into other processes; gives exit code and last event."""
    done = subprocess.run(
        [*blind, sys.executable, "-m", "sessionstore", *command],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")
def test_who_can_t_be_looked_into_is_left_to_the_removal(
    plan: dict[str, Any], root: Path, tmp_path: Path, age_identity: tuple[str, str]
) -> None:
    """Looking says how many they are and asks the kernel for nothing; the act makes sure."""
    with closing(open_directory(str(root))) as fd:
        made = create.create(fd, str(tmp_path), "old", [age_identity[1]])
    remove = ("remove", "--archive", made.archive, "--manifest", made.manifest, "--plan", "-")
    with at_work(OPENS, root / f"company_{COMPANY}"):
        for blind in (CLOSED, HIDDEN):
            code, result = blindly(ACCOUNT, plan, blind)
            assert (code, result["holders"]) == (0, []) and result["unseen"] > 0
            code, result = blindly(remove, plan, blind)
            assert code == 3 and HELD in str(result["reasons"]) and root.exists()
    code, result = blindly((*remove, "--dry-run"), {**plan, "service": "files"})
    assert code == 3 and "runs on files" in str(result["reasons"])
    assert blindly(remove, plan)[0] == 0 and not root.exists()
