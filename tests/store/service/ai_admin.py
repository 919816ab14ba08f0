"""The service ai-admin on this machine: installed, seeded, started, and its database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.profiles.ai_admin import libsignal
from lab.profiles.ai_admin.repository import SOURCES, compose
from lab.profiles.service_repository import REVISIONS
from sessionstore.database.connection import connect
from tests.ports import free_port
from tests.store.service import machine

KIND = {"LAB_KIND": "ai-admin"}
COMPANY = "962302"
SUPABASE = SOURCES.parent / "supabase" / "supabase.py"
WHATSAPP = SOURCES.parent / "whatsapp" / "whatsapp.mjs"
SUPABASE_KEY = "not a secret"


@dataclass(frozen=True)
class AiAdmin:
    """Both revisions and the peer's directory."""

    old: Path
    new: Path
    peer: Path

    @property
    def live(self) -> Path:
        return self.old / "baileys_sessions" / f"company_{COMPANY}"

    def digests(self, release: Path, *arguments: str | Path) -> list[dict[str, Any]]:
        text = machine.tool(release, "read-keys.mjs", *arguments, **KIND)
        return [json.loads(line) for line in text.splitlines()]

    def digests_of_files(self) -> list[dict[str, Any]]:
        place = ("--from", "directory", "--path", self.live)
        return self.digests(self.old, *place, "--ids", self.peer / "keys.json")

    def talk(self, release: Path, command: str, *arguments: str | Path) -> list[str]:
        peer = ("--peer", self.peer / "peer.json")
        answer = machine.tool(release, "conversation.mjs", command, *peer, *arguments, **KIND)
        return list(json.loads(answer).get("texts", []))


def install(place: Path) -> AiAdmin:
    """Both revisions with their dependencies, and the old one's files seeded."""
    old, new = (place / revision.tag for revision in REVISIONS)
    for revision in REVISIONS:
        compose(revision, place / revision.tag)
    libsignal.build_repository(place / "libsignal.git")
    environment = {**os.environ, **libsignal.environment(place / "libsignal.git")}
    command = ["npm", "ci", "--no-progress"]
    subprocess.run(command, cwd=old, env=environment, check=True, capture_output=True)
    (new / "node_modules").symlink_to(old / "node_modules")
    machine.tool(old, "seed.mjs", "--live-only", place / "peer", **KIND)
    return AiAdmin(old, new, place / "peer")


def make_tables(database: dict[str, str], *, covering: bool) -> None:
    """Run the service's own SQL."""
    scripts = sorted((SOURCES / "common" / "migrations").iterdir())
    with connect(database) as conn:
        for script in scripts if covering else scripts[:-1]:
            conn.execute(script.read_bytes())


def settings(database: dict[str, str], provider: str) -> dict[str, str]:
    """Its .env, for files, postgres or supabase."""
    return {
        "USE_LEGACY_SUPABASE": str(provider == "supabase").lower(),
        "USE_DATABASE_AUTH_STATE": str(provider == "postgres").lower(),
        "USE_REPOSITORY_PATTERN": "true",
        # node-postgres takes a directory for the place of a socket.
        "POSTGRES_HOST": database["host"],
        "POSTGRES_DATABASE": database["dbname"],
        "POSTGRES_USER": database["user"],
        "POSTGRES_PASSWORD": "trusted on the socket",
        "POSTGRES_MAX_CONNECTIONS": "3",
    }


def in_release(release: Path, script: str) -> dict[str, Any]:
    """Run JavaScript over the PostgreSQL state of the company; what it gives to `tell`."""
    source = f"""
    require('dotenv').config({{ quiet: true }})
    process.env.LOG_LEVEL = 'silent'
    const {{ usePostgresAuthState }} = require('./src/integrations/whatsapp/auth-state-postgres')
    const postgres = require('./src/database/postgres')
    const tell = it => console.log(JSON.stringify(it))
    ;(async () => {{
      const {{ state: {{ creds, keys }} }} = await usePostgresAuthState('{COMPANY}')
      {script}
    }})().finally(() => postgres.close())
    """
    command = ["node", "--input-type=commonjs", "--eval", source]
    done = subprocess.run(command, cwd=release, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@dataclass
class Started:
    """A process of the service."""

    process: subprocess.Popen[str]
    port: int

    def health(self) -> dict[str, Any]:
        """What the endpoint answers, as soon as it does."""
        give_up = time.monotonic() + 60
        while True:
            try:
                where = f"http://127.0.0.1:{self.port}/health"
                with urllib.request.urlopen(where, timeout=5) as answer:
                    return dict(json.load(answer))
            except OSError:
                assert self.process.poll() is None, self.process.communicate()
                assert time.monotonic() < give_up, "no answer"
                time.sleep(0.1)

    def post(self, path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The status and answer of a POST."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def says(self, line: str) -> None:
        """Wait until its log has a line."""
        assert self.process.stdout is not None
        while line not in (said := self.process.stdout.readline()):
            assert said, f"it ended and did not say: {line}"

    def stop(self) -> tuple[int, str]:
        """Its exit code, and its log."""
        self.process.send_signal(signal.SIGINT)
        log, _ = self.process.communicate(timeout=30)
        return self.process.returncode, log


@contextmanager
def started(release: Path, **exported: str) -> Iterator[Started]:
    """The service as PM2 starts it: an environment of its own, the .env in its directory."""
    port = free_port()
    process = subprocess.Popen(
        ["node", "scripts/baileys-service.js"],
        cwd=release,
        env={"PATH": os.environ["PATH"], "BAILEYS_PORT": str(port), **exported},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Started(process, port)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def start_in_vain(release: Path, script: str = "scripts/baileys-service.js") -> tuple[int, str]:
    """A start that is refused; its exit code, and its log."""
    done = subprocess.run(
        ["node", script],
        cwd=release,
        env={"PATH": os.environ["PATH"], "NODE_ENV": "production", "BAILEYS_PORT": "9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@contextmanager
def supabase(place: Path) -> Iterator[dict[str, str]]:
    """The stand-in for Supabase, elsewhere; the settings of the service that name it."""
    port = free_port()
    server = subprocess.Popen(
        ["python3", SUPABASE, "127.0.0.1", str(port), place / "elsewhere.sqlite"],
        env={**os.environ, "SUPABASE_KEY": SUPABASE_KEY},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(address, timeout=5)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
        yield {"SUPABASE_URL": address, "SUPABASE_KEY": SUPABASE_KEY}
    finally:
        server.terminate()
        server.wait()


@contextmanager
def whatsapp(release: Path, place: Path) -> Iterator[dict[str, str]]:
    """The lab's WhatsApp, on the release's library; the settings of the service that name it."""
    port, state = free_port(), place / "whatsapp"
    state.mkdir()
    server = subprocess.Popen(
        ["node", WHATSAPP, "127.0.0.1", str(port), state],
        cwd=release,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None and "WhatsApp of the lab" in server.stdout.readline()
        known_by = (state / "key.pub").read_text()
        yield {"LAB_WHATSAPP_URL": f"ws://127.0.0.1:{port}/", "LAB_WHATSAPP_KEY": known_by}
    finally:
        server.kill()
        server.communicate()
