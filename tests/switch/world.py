"""One host in a directory: application, PM2, database, and the host program run against them."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psycopg

from tests.ports import free_port

from .machine import Machine
from .plans import APP, COMPANY, NEW, OLD, cut_over
from .session_files import write_sessions

SERVICE = Path(__file__).parent / "service" / "server.js"


class World:
    """Everything that the tests look at and break."""

    def __init__(self, place: Path, server: Path, tools: Path) -> None:
        self.place = place
        self.server = server
        self.tools = tools
        self.app_dir = place / "app"
        self.state = place / "state"
        self.run_dir = place / "run"
        self.pm2_home = place / "pm2"
        self.live = self.app_dir / "baileys_sessions"
        self.company = self.live / f"company_{COMPANY}"
        self.release = self.app_dir / "releases" / NEW
        self.database = f"host_{place.name.replace('-', '_').lower()}"
        self.port = free_port()
        self.alarm = place / "alarm"
        self.machine = Machine()

    def build(self) -> None:
        """The state before: in-place checkout on files, running; the new release staged."""
        self.power_on()
        self.admin(f'CREATE DATABASE "{self.database}" TEMPLATE prepared')
        self._version(self.app_dir, OLD)
        (self.app_dir / ".git").mkdir()
        (self.app_dir / ".git" / "HEAD").write_text(OLD + "\n")
        self._version(self.release, NEW)
        (self.release / "src" / "new").touch()
        (self.release / ".env").symlink_to("../../.env")
        self.write_env(".env", USE_REPOSITORY_PATTERN="false")
        self.write_env(".env.next", USE_REPOSITORY_PATTERN="true")
        write_sessions(self.company)
        backup = self.app_dir / "baileys_sessions_backup"
        backup.mkdir()
        (backup / "pre-key-7.json").write_text("{}")
        self.pm2(
            "start",
            str(self.app_dir / "src" / "server.js"),
            "--name",
            APP,
            "--cwd",
            str(self.app_dir),
        )
        self.pm2("save")
        self.wait_for("files")

    def tear_down(self) -> None:
        """End every process, drop the database, remove the files."""
        self.power_cut()
        self.admin(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        shutil.rmtree(self.place)

    def _version(self, directory: Path, revision: str) -> None:
        (directory / "src").mkdir(parents=True)
        shutil.copy(SERVICE, directory / "src")
        (directory / "node_modules").symlink_to(self.tools / "node_modules")
        packages = {"node_modules/@whiskeysockets/baileys": {"version": "7.0.0-rc14"}}
        lock = {"name": revision, "packages": packages}
        (directory / "package-lock.json").write_text(json.dumps(lock))

    def write_env(self, name: str, **values: str) -> None:
        """Write `.env` or `.env.next` with these values over the usual ones."""
        usual = {
            "USE_LEGACY_SUPABASE": "false",
            "LOG_LEVEL": "info",
            "POSTGRES_HOST": str(self.server),
            "POSTGRES_PORT": "5432",
            "POSTGRES_DATABASE": self.database,
            "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD": "sécret",
            "STATUS_PORT": str(self.port),
            "COMPANIES": COMPANY,
        }
        path = self.app_dir / name
        path.write_text("".join(f"{k}={v}\n" for k, v in {**usual, **values}.items()))
        path.chmod(0o600)

    def plan(self, **changes: Any) -> dict[str, Any]:
        """The plan of the cut-over."""
        plan = cut_over(
            app_dir=str(self.app_dir),
            service_user=getpass.getuser(),
            service_port=self.port,
            flags={
                "USE_LEGACY_SUPABASE": "false",
                "USE_REPOSITORY_PATTERN": "true",
                "LOG_LEVEL": "info",
            },
            database_host=str(self.server),
            database_name=self.database,
            database_app_password="sécret",
            gate_limit_seconds=8,
            archive_directory=str(self.place / "archive"),
            archive_recipients=[],
            releases_kept=2,
            alarm_command=["sh", "-c", f"cat >> {self.alarm}"],
        )
        return {**plan, "pm2_home": str(self.pm2_home), **changes}

    def hostswitch(
        self, *arguments: str, plan: dict[str, Any] | None = None, die_at: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Run the host program as the controller does; exit code and its last line."""
        if die_at:
            (self.run_dir / "die-at").write_text(die_at)
            (self.run_dir / "die-at").chmod(0o600)
        done = subprocess.run(
            [*self.program(), *arguments],
            input=json.dumps(plan or self.plan()).encode(),
            capture_output=True,
            check=False,
            cwd=SERVICE.parents[3],
            timeout=120,
        )
        assert "sécret".encode() not in done.stdout + done.stderr
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        lines = done.stdout.splitlines()
        print(done.stdout.decode(), done.stderr.decode())
        return done.returncode, json.loads(lines[-1]) if lines else {}

    def program(self) -> list[str]:
        """The command that runs the host program on this host."""
        command = [
            *self.machine.inside(),
            sys.executable,
            "-m",
            "hostswitch",
            "--state",
            str(self.state),
        ]
        return [*command, "--run", str(self.run_dir), "--search-path", self.search_path]

    def hostswitch_unheard(self, *arguments: str) -> None:
        """Run the host program for a controller that hangs up when it has sent the plan."""
        reading, writing = os.pipe()
        with subprocess.Popen(
            [*self.program(), *arguments],
            stdin=subprocess.PIPE,
            stdout=writing,
            stderr=writing,
            cwd=SERVICE.parents[3],
        ) as running:
            os.close(writing)
            os.close(reading)
            running.communicate(json.dumps(self.plan()).encode(), timeout=120)

    def process(self) -> dict[str, Any]:
        """Pid and restarts of the service."""
        (app,) = json.loads(self.pm2("jlist"))
        return {"pid": app["pid"], "restarts": app["pm2_env"]["restart_time"]}

    def pm2_environment(self, **values: str) -> None:
        """Restart the service with names that PM2 exports from then on."""
        self.pm2("restart", APP, "--update-env", environment=values)
        self.wait_for("postgres")

    def tree(self) -> dict[str, str]:
        """Every file under the application directory with its content, links as they are."""
        found = {}
        for path in sorted(self.app_dir.rglob("*")):
            if "node_modules" not in path.parts and (path.is_symlink() or path.is_file()):
                name = str(path.relative_to(self.app_dir))
                found[name] = str(path.readlink()) if path.is_symlink() else path.read_text()
        return found

    def seen_flags(self) -> dict[str, Any]:
        """The settings that the service says it sees."""
        return dict((self.answer() or {})["flags"])

    @property
    def search_path(self) -> str:
        """PATH with this test's PM2."""
        return f"{self.tools}/node_modules/.bin:{os.environ['PATH']}"

    def pm2(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        """Run PM2 in an environment as clean as that of the host program."""
        clean = {"HOME": str(self.place), "PATH": self.search_path, "PM2_HOME": str(self.pm2_home)}
        done = subprocess.run(
            [*self.machine.inside(), "pm2", *arguments],
            env={**clean, **(environment or {})},
            capture_output=True,
            check=False,
            timeout=60,
        )
        return done.stdout.decode()

    def status(self) -> dict[str, Any] | None:
        """What the service says of the company; None if it does not answer."""
        answer = self.answer()
        return None if answer is None else dict(answer["companies"][COMPANY])

    def answer(self) -> dict[str, Any] | None:
        """All that the status endpoint answers; None if it does not."""
        try:
            url = f"http://127.0.0.1:{self.port}/status"
            with urllib.request.urlopen(url, timeout=1) as answer:
                return dict(json.load(answer))
        except OSError:
            return None

    def wait_for(self, provider: str) -> None:
        """Wait until the service answers from this provider."""
        end = time.monotonic() + 10
        while (self.status() or {}).get("provider") != provider:
            assert time.monotonic() < end, (
                f"no answer from {provider}: {self.pm2('logs', '--nostream')}"
            )
            time.sleep(0.05)

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(
            host=str(self.server), user="postgres", dbname=self.database, autocommit=True
        ) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def admin(self, text: str) -> None:
        """Tell the database server something, from outside the host's own database."""
        with psycopg.connect(host=str(self.server), user="postgres", autocommit=True) as admin:
            admin.execute(text.encode())

    def rows(self) -> tuple[int, int]:
        """Credentials and keys in the database."""
        (auth,), (keys,) = (
            self.query(f"SELECT count(*) FROM {table}")[0]
            for table in ("whatsapp_auth", "whatsapp_keys")
        )
        return auth, keys

    def files(self) -> dict[str, str]:
        """Every session file of the live directory, by name."""
        return {path.name: path.read_text() for path in sorted(self.company.iterdir())}

    def connected(self) -> None:
        """What each connection does, and this service without one does not: it writes credentials."""
        (self.company / "creds.json").touch()

    def power_on(self) -> None:
        """Processes of its own, and an empty /run."""
        self.run_dir.mkdir(exist_ok=True)
        self.machine.power_on()

    def power_cut(self) -> None:
        """Every process is gone at once, and what lies under /run with them."""
        if self.machine.power_cut():
            shutil.rmtree(self.run_dir)

    def run_inside(self, *command: str) -> None:
        """Run a command among the machine's processes and mounts."""
        subprocess.run([*self.machine.inside(), *command], check=True)

    def boot(self) -> tuple[int, dict[str, Any]]:
        """What the boot units do, PM2's own between them."""
        self.power_on()
        self.hostswitch("resume", "--boot", "before-pm2")
        self.pm2("resurrect")
        return self.hostswitch("resume", "--boot", "after-pm2")
