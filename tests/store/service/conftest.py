"""The lab's service, installed and seeded on this machine, and imported into a database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessionstore.database.connection import connect
from sessionstore.importing import stage, states
from sessionstore.scan.scan import scan_directory
from tests.store.service import machine
from tests.store.service.seeded import COMPANY, Seeded, settings

ROLLOUT, HOST = "20261122T140000Z-3fa2", "wa-1"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """Seeded once; no test changes it."""
    if why_not := machine.node_is_missing():
        pytest.skip(why_not)
    place = tmp_path_factory.mktemp("service")
    old, new = machine.install(place)
    machine.tool(old, "seed.mjs", place / "peer")
    return Seeded(old, new, place / "peer")


@pytest.fixture
def seeded(template: Seeded, tmp_path: Path) -> Seeded:
    """A copy to change, without most backups; the dependencies are shared."""
    left_out = shutil.ignore_patterns("node_modules", "baileys_sessions_backup")
    for name in ("old", "new", "peer"):
        source: Path = getattr(template, name)
        shutil.copytree(source, tmp_path / name, ignore=left_out)
        if name != "peer":
            (tmp_path / name / "node_modules").symlink_to(source / "node_modules")
    copy = Seeded(tmp_path / "old", tmp_path / "new", tmp_path / "peer")
    machine.write_env(copy.old, COMPANIES=COMPANY)
    return copy


@pytest.fixture
def imported(
    seeded: Seeded, database: dict[str, str], tmp_path: Path
) -> Iterator[tuple[Seeded, dict[str, str]]]:
    """The files imported, and the new release pointed at the rows, over TLS."""
    with connect(database) as conn, scan_directory(str(seeded.sessions)) as scan:
        record = stage.stage(conn, scan, COMPANY, ROLLOUT, HOST)
        states.activate(conn, record.import_id)
    certificates = machine.make_certificates(tmp_path, "IP:127.0.0.1")
    with machine.tls_front(certificates, Path(database["host"]) / ".s.PGSQL.5432") as port:
        machine.write_env(
            seeded.new, **settings(database, port, tmp_path / "ca.crt"), COMPANIES=COMPANY
        )
        yield seeded, database
