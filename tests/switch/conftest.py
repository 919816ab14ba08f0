"""Real PM2, real PostgreSQL, a small real service: a whole host in a temporary directory."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.age import new_identity
from tests.postgres import running_server

from .set_aside import BACKUP, LIVE
from .world import World

ROOT = Path(__file__).parents[2]
MIGRATIONS = ROOT / "roles" / "schema" / "migrations" / "deploy"
# dotenv as the lab's service has it (lab/service/common/package.json).
NPM = {"pm2": "7.0.4", "pg": "8.16.3", "dotenv": "16.6.1"}


@pytest.fixture(scope="session")
def tools() -> Path:
    """A directory with PM2, dotenv and the PostgreSQL client for Node.js, installed once."""
    if shutil.which("npm") is None:
        pytest.fail("npm is missing: these tests run a real PM2. Install it: apt-get install npm")
    place = ROOT / ".cache" / "switch-tests"
    place.mkdir(parents=True, exist_ok=True)
    packages = [f"{name}@{version}" for name, version in NPM.items()]
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # these tests run in two processes
        if not all((place / "node_modules" / name).is_dir() for name in NPM):
            command = [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--prefix",
                str(place),
                *packages,
            ]
            subprocess.run(command, check=True, capture_output=True)
    return place


@pytest.fixture(scope="session")
def server() -> Iterator[Path]:
    """A PostgreSQL of its own with the schema ready to copy; gives the directory of its socket."""
    with running_server() as started:
        _prepare(started.settings)
        yield started.place


def _prepare(settings: dict[str, str]) -> None:
    with psycopg.connect(make_conninfo(**settings), autocommit=True) as connection:
        connection.execute("CREATE DATABASE prepared")
    prepared = make_conninfo(**{**settings, "dbname": "prepared"})
    with psycopg.connect(prepared) as connection:
        for script in sorted(MIGRATIONS.glob("*.sql")):
            connection.execute(script.read_bytes())


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


@pytest.fixture
def plan(world: World) -> dict[str, Any]:
    """A host after its cut-over, with an archive recipient."""
    recipient = new_identity(world.place / "identity.txt")
    archive = {
        "directory": str(world.place / "archive"),
        "recipients": [recipient],
        "keep_days": 180,
    }
    acknowledge = {"reason": "a test's backup", "identities": True, "companies": []}
    directories = [
        {"path": LIVE, "kind": "live", "acknowledge": None},
        {"path": BACKUP, "kind": "backup", "acknowledge": acknowledge},
    ]
    made: dict[str, Any] = world.plan(archive=archive, legacy_directories=directories)
    assert world.hostswitch("switch", plan=made)[0] == 0
    return made


@pytest.fixture
def on_a_small_disk(
    server: Path, tools: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[World, Path]]:
    """A host with one of its directories on a file system of its own, and that directory."""
    world = World(Path(tempfile.mkdtemp(prefix="switch-")), server, tools)
    volume = world.place / request.param
    volume.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20M", "tmpfs", volume], check=True)
    try:
        world.build()
        yield world, volume
    finally:
        world.machine.power_cut()
        subprocess.run(["umount", volume], check=True)
        world.tear_down()
