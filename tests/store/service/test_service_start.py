"""How both versions start, answer, refuse and stop."""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path

import pytest

from sessionstore.database.connection import connect
from tests.store.service import machine
from tests.store.service.seeded import COMPANY, Seeded, settings


def fingerprint(directory: Path) -> dict[str, tuple[str, int]]:
    """Content and time of every file."""
    return {
        str(path.relative_to(directory)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_the_new_version_announces_its_start_and_stops_cleanly(
    imported: tuple[Seeded, dict[str, str]],
) -> None:
    """Health gates wait for these lines and this answer; LOG_LEVEL must not hide them."""
    seeded, database = imported
    before = seeded.digests_of_rows()
    with (seeded.new / ".env").open("a") as env:
        env.write("LOG_LEVEL=error\n")
    with machine.running(seeded.new) as it:
        status = it.status()
        code, lines = it.stop(signal.SIGINT)
    company = status["companies"][COMPANY]
    assert (status["provider"], status["version"]) == ("postgres", "2.0.0")
    assert (company["credentials"], company["registered"], company["keys"]) == (True, True, 1313)
    assert status["flags"]["LOG_LEVEL"] == "error"
    where = f"127.0.0.1:{_port(seeded.new)}/{database['dbname']}"
    # Baileys fails to connect in its own time, before or after the endpoint listens.
    offline = [line for line in lines if line.startswith("WhatsApp offline")]
    said = [line for line in lines if line not in offline]
    assert said[:-2] == [
        "Auth state provider: PostgreSQL",
        f"Session pool initialised (companies: {COMPANY})",
        f"Connected to PostgreSQL {where}",
        f"Credentials loaded for company {COMPANY}",
        f"Keys loaded for company {COMPANY}: 1313",
        f"Status on http://127.0.0.1:{it.port}/status",
    ]
    # pino writes in its own time, and at the exit what is left at once: these two may change places.
    assert set(said[-2:]) == {"Stopping on SIGINT", "Stopped"}
    assert code == 0
    assert seeded.digests_of_rows() == before


def _port(release: Path) -> str:
    lines = dict(line.split("=", 1) for line in (release / ".env").read_text().splitlines())
    return lines["POSTGRES_PORT"]


def test_the_old_version_runs_on_files_and_leaves_them_alone(seeded: Seeded) -> None:
    """Offline nothing moves: a digest taken before a rollout must hold until it begins."""
    before = fingerprint(seeded.sessions)
    with machine.running(seeded.old) as it:
        while (status := it.status())["companies"][COMPANY]["connection"] != "offline":
            pass
        code, lines = it.stop(signal.SIGTERM)
    company = status["companies"][COMPANY]
    assert (status["provider"], status["version"]) == ("files", "1.0.0")
    assert (company["credentials"], company["keys"]) == (True, 1313)
    assert lines[0] == "Auth state provider: files"
    assert f"Keys loaded for company {COMPANY}: 1313" in lines
    assert code == 0
    assert fingerprint(seeded.sessions) == before


def test_without_rows_fresh_credentials_are_not_stored(
    imported: tuple[Seeded, dict[str, str]],
) -> None:
    """A company that was forgotten waits for pairing; it must not get an empty identity's row."""
    seeded, database = imported
    env = (seeded.new / ".env").read_text()
    (seeded.new / ".env").write_text(env.replace(f"={COMPANY}", f"={COMPANY},7"))
    with machine.running(seeded.new) as it:
        status = it.status()
        _, lines = it.stop()
    assert status["companies"]["7"]["credentials"] is False
    assert status["companies"][COMPANY]["keys"] == 1313
    assert "No credentials for company 7: waiting for pairing" in lines
    with connect(database) as conn:
        row = conn.execute("SELECT count(*) FROM whatsapp_auth").fetchone()
    assert row == (1,)


@pytest.mark.parametrize(
    ("supabase", "repository", "says"),
    [
        (
            "false",
            "false",
            "No auth state provider configured. "
            "Set USE_LEGACY_SUPABASE=true or USE_REPOSITORY_PATTERN=true",
        ),
        (
            "true",
            "true",
            "Two auth state providers configured. "
            "Set only one of USE_LEGACY_SUPABASE and USE_REPOSITORY_PATTERN to true",
        ),
        (
            "true",
            "false",
            "Supabase is not available in the lab. "
            "Set USE_REPOSITORY_PATTERN=true and USE_LEGACY_SUPABASE=false",
        ),
        (
            "false",
            "true",
            "PostgreSQL is not configured. Set POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DATABASE, "
            "POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_SSL_CA in .env",
        ),
    ],
)
def test_the_new_version_refuses_wrong_flags(
    seeded: Seeded, supabase: str, repository: str, says: str
) -> None:
    """Starting anyway would open a fresh identity."""
    machine.write_env(seeded.new, USE_LEGACY_SUPABASE=supabase, USE_REPOSITORY_PATTERN=repository)
    assert machine.start_in_vain(seeded.new) == (1, says)


@pytest.mark.parametrize("name", ["IP:127.0.0.2", "DNS:elsewhere.example.org"])
def test_a_certificate_for_another_name_is_refused(
    seeded: Seeded, database: dict[str, str], tmp_path: Path, name: str
) -> None:
    """Keys must not be handed to whoever answers at the database's address."""
    certificates = machine.make_certificates(tmp_path, name)
    with machine.tls_front(certificates, Path(database["host"]) / ".s.PGSQL.5432") as port:
        machine.write_env(seeded.new, **settings(database, port, tmp_path / "ca.crt"))
        code, error = machine.start_in_vain(seeded.new)
    assert code == 1
    assert error.startswith(f"Cannot connect to PostgreSQL 127.0.0.1:{port}/")
    assert "does not match certificate's altnames" in error
