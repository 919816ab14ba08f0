"""A host in a file system of its own over this machine's, with a service's user who plants what he likes."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from hostswitch.base.places import SEARCH_PATH
from tests.switch.machine import Machine
from tests.switch.plans import APP, COMPANY, NEW, OLD, ROLLOUT, cut_over
from tests.switch.session_files import write_sessions
from tests.unit.good_settings import RECIPIENT

USER, UID = "ai-admin", 4711
PASSWORD = "hunter2hunter2"
APP_DIR, HOME = "/opt/ai-admin", "/home/ai-admin"
ROOTS = "/srv/roots"
LIAR = Path(__file__).parent / "liar.py"
OWNED = f"{ROOTS}/owned"
SHELL = f"$(touch {OWNED});`touch {OWNED}`;touch {OWNED}\n\x1b]0;owned\x07"
GIT_CONFIG = f"""[core]
\tbare = true
\trepositoryformatversion = 1
\tfsmonitor = touch {OWNED}
\tsshCommand = touch {OWNED}
\thooksPath = {APP_DIR}/hooks
[extensions]
\tpartialClone = origin
[remote "origin"]
\turl = ext::touch {OWNED}
\tpromisor = true
[protocol "ext"]
\tallow = always
[safe]
\tdirectory = *
"""
SSH = """#!/bin/sh
case " $* " in *" -O "*) exit 0;; esac
while [ "$1" != -- ]; do shift; done
shift
exec {inside} /bin/sh -c "$*"
"""


class HostileHost:
    """Built whole and healthy first; then planted with what is to fool root."""

    def __init__(self, place: Path, tools: Path, port: int) -> None:
        self.place, self.tools, self.port = place, tools, port
        self.canary = secrets.token_hex(20)
        self.roots = place / "roots"
        self.machine = Machine()
        self.database = f"hostile_{self.canary[:8]}"
        self._liar: subprocess.Popen[bytes] | None = None

    def build(self, server: Path) -> None:
        """A file system, a user, a service of his, and what root keeps there.

        Args:
            server: the directory of a database server's socket.
        """
        self.machine.power_on()
        self.roots.mkdir(mode=0o700)
        (self.place / "over").mkdir()
        over, root = self.place / "over", self.place / "over" / "root"
        self._outside("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(over))
        self._outside("mkdir", *(str(over / name) for name in ("upper", "work", "root")))
        layers = f"lowerdir=/,upperdir={over}/upper,workdir={over}/work"
        self._outside("mount", "-t", "overlay", "-o", layers, "overlay", str(root))
        self._outside("mount", "--rbind", "/dev", f"{root}/dev")
        self._outside("mount", "-t", "proc", "proc", f"{root}/proc")
        self._outside("mount", "-t", "tmpfs", "tmpfs", f"{root}/run")
        self._outside("mkdir", f"{root}{ROOTS}")
        self._outside("mount", "--bind", str(self.roots), f"{root}{ROOTS}")
        self._outside("mount", "--bind", str(server), f"{root}{server}")
        self.server = server
        self._admin(f"CREATE DATABASE {self.database} TEMPLATE prepared")
        self._users()
        self._roots_own()
        self._users_own()
        bin_ = self.place / "bin"
        bin_.mkdir()
        self._program(bin_ / "ssh", SSH.format(inside=" ".join(self.inside())))

    def tear_down(self) -> None:
        """End its processes; its file system ends with them."""
        self.machine.power_cut()
        self._admin(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        shutil.rmtree(self.place)

    def inside(self) -> list[str]:
        """The command that runs another one on this host."""
        root = f"{self.place}/over/root"
        words = self.machine.inside()
        return [*words, "chroot", root, "env", "-C", str(Path(__file__).parents[3])]

    def path(self, name: str) -> Path:
        """A path on this host, as this test may use it; nothing may lead out of it."""
        (pid,) = {word for word in self.machine.inside() if word.isdigit()}
        return Path(f"/proc/{pid}/root{self.place}/over/root{name}")

    def _outside(self, *words: str) -> None:
        subprocess.run([*self.machine.inside(), *words], check=True, capture_output=True)

    def _admin(self, text: str) -> None:
        with psycopg.connect(host=str(self.server), user="postgres", autocommit=True) as admin:
            admin.execute(text.encode())

    def _users(self) -> None:
        for file, line in (
            ("passwd", f"{USER}:x:{UID}:{UID}::{HOME}:/bin/bash"),
            ("group", f"{USER}:x:{UID}:"),
            ("shadow", f"{USER}:!{self.canary}:20000:0:99999:7:::"),
        ):
            with self.path(f"/etc/{file}").open("a") as known:
                known.write(line + "\n")

    def _roots_own(self) -> None:
        self._write("/usr/local/sbin/sudo", '#!/bin/sh\nshift 2\nexec "$@"\n', mode=0o755)
        self.path("/usr/local/bin/pm2").unlink(missing_ok=True)
        self.path("/usr/local/bin/pm2").symlink_to(self.tools / "node_modules/.bin/pm2")
        line = {
            "event": "switch",
            "at": "2026-11-22T14:00:00+00:00",
            "outcome": "switched",
            "rollout_id": ROLLOUT,
            "revision": {"from": OLD, "to": NEW},
            "awaiting_pairing": [],
        }
        for name in ("/var/backups/baileys-rollout", "/usr/local/lib/baileys-rollout"):
            self.path(name).mkdir(mode=0o700, parents=True)
        self._write("/var/lib/baileys-rollout/history.jsonl", json.dumps(line) + "\n", mode=0o600)
        aside = self.path(f"{APP_DIR}/.set-aside")
        write_sessions(aside / ROLLOUT / "baileys_sessions" / f"company_{COMPANY}")
        for place in (aside, aside / ROLLOUT):
            place.chmod(0o700)
        (self.roots / "secret").write_text(self._secret())
        (self.roots / ".git").mkdir()
        (self.roots / ".git" / "HEAD").write_text(self.canary + "\n")
        os.mknod(self.roots / "device", 0o600 | 0o020000, os.makedev(1, 5))

    def _secret(self) -> str:
        lines = ("POSTGRES_PASSWORD=", "Bad MAC ", "Auth state provider: ", "syntax error ", "")
        return "".join(f"{line}{self.canary}\n" for line in lines)

    def _users_own(self) -> None:
        release = f"{APP_DIR}/releases/{NEW}"
        lock = {"packages": {"node_modules/@whiskeysockets/baileys": {"version": "7.0.0-rc14"}}}
        env = self.environment()
        for name, content in {
            f"{release}/src/server.js": "setInterval(() => {}, 1000)\n",
            f"{release}/src/session-pool.js": "module.exports = 1\n",
            f"{release}/package.json": "{}\n",
            f"{release}/package-lock.json": json.dumps(lock),
            f"{release}/node_modules/.package-lock.json": json.dumps(lock),
            f"{release}/node_modules/@whiskeysockets/baileys/package.json": '{"version": "7"}\n',
            f"{APP_DIR}/releases/{OLD}/src/server.js": "\n",
            f"{APP_DIR}/package-lock.json": json.dumps(lock),
            f"{APP_DIR}/.env": env.replace("PATTERN=true", "PATTERN=false"),
            f"{APP_DIR}/.env.next": env,
            f"{APP_DIR}/.git/HEAD": "ref: refs/heads/main\n",
            f"{APP_DIR}/.git/refs/heads/main": OLD + "\n",
            f"{APP_DIR}/.git/packed-refs": f"{OLD} refs/heads/other\n",
            f"{APP_DIR}/.git/config": GIT_CONFIG,
            f"{APP_DIR}/.repository.git/HEAD": "ref: refs/heads/main\n",
            f"{APP_DIR}/.repository.git/config": GIT_CONFIG,
            f"{APP_DIR}/.repository.git/refs/tags/v2.0.0": NEW + "\n",
            f"{APP_DIR}/.repository.git/objects/info/alternates": "\n",
            f"{APP_DIR}/hooks/post-checkout": f"#!/bin/sh\ntouch {OWNED}\n",
            f"{APP_DIR}/scripts/init-baileys-session.js": "\n",
            f"{APP_DIR}/scripts/archive/old.js": "\n",
            f"{HOME}/.gitconfig": GIT_CONFIG,
            f"{HOME}/.npmrc": f"script-shell={APP_DIR}/hooks/post-checkout\n",
            f"{HOME}/.local/lib/python3.11/site-packages/a.pth": f"import os; os.mknod('{OWNED}')\n",
            f"{HOME}/.pm2/dump.pm2": "[]",
            f"{HOME}/.pm2/dump.pm2.bak": "[]",
            f"{HOME}/.pm2/logs/{APP}-out.log": "Auth state provider: PostgreSQL\n",
            f"{HOME}/.pm2/logs/{APP}-error.log": "Bad MAC\n",
        }.items():
            self._write(name, content, mode=0o600)
        write_sessions(self.path(f"{APP_DIR}/baileys_sessions/company_{COMPANY}"))
        self._write(f"{APP_DIR}/baileys_sessions_backup/pre-key-7.json", "{}")
        self.path(f"{APP_DIR}/current").symlink_to(f"releases/{NEW}")
        self.path(f"{release}/.env").symlink_to("../../.env")
        self.path(f"{APP_DIR}/.repository.git/refs/heads").mkdir()
        for top in (APP_DIR, HOME):
            self.path(top).chmod(0o755)
            for path in [self.path(top), *self.path(top).rglob("*")]:
                if ".set-aside" not in path.parts:
                    os.chown(path, UID, UID, follow_symlinks=False)

    def plan(self) -> dict[str, Any]:
        """The plan of a switch to the new release."""
        return cut_over(
            app_dir=APP_DIR,
            service_user=USER,
            service_home=HOME,
            service_port=self.port,
            flags={"USE_REPOSITORY_PATTERN": "true", "LOG_LEVEL": "info"},
            database_host=str(self.server),
            database_name=self.database,
            database_app_password=PASSWORD,
            gate_limit_seconds=3,
            gate_before="not checked",
            archive_directory="/var/backups/baileys-rollout",
            archive_recipients=[RECIPIENT],
            releases_kept=1,
            alarm_command=["true"],
        )

    def connection(self) -> dict[str, str]:
        """The plan's database as a .env has it."""
        return {
            "POSTGRES_HOST": str(self.server),
            "POSTGRES_PORT": "5432",
            "POSTGRES_DATABASE": self.database,
            "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD": PASSWORD,
        }

    def hostswitch(self, command: str, words: list[str], given: Any) -> str:
        """Run a command of the host program; all that it says."""
        done = subprocess.run(
            [*self.inside(), sys.executable, "-m", "hostswitch", command, *words],
            input=json.dumps(given).encode(),
            capture_output=True,
            check=False,
            timeout=300,
        )
        return (done.stdout + done.stderr).decode(errors="replace")

    def environment(self) -> str:
        """A .env."""
        return "".join(
            f"{name}={value}\n"
            for name, value in {
                "USE_LEGACY_SUPABASE": "false",
                "USE_REPOSITORY_PATTERN": "true",
                "LOG_LEVEL": "info",
                "POSTGRES_HOST": "127.0.0.1",
                "POSTGRES_PASSWORD": PASSWORD,
                "STATUS_PORT": self.port,
                "COMPANIES": COMPANY,
            }.items()
        )

    def files(self) -> list[Path]:
        """Every file that the user can put something else in the place of."""
        tops = (self.path(APP_DIR), self.path(HOME))
        found = (path for top in tops for path in sorted(top.rglob("*")))
        return [path for path in found if path.is_file() and ".set-aside" not in path.parts]

    def directories(self) -> list[Path]:
        """Every directory likewise."""
        tops = (self.path(APP_DIR), self.path(HOME))
        found = (path for top in tops for path in sorted(top.rglob("*")))
        return [path for path in found if path.is_dir() and not path.is_symlink()]

    def lie(self, apps: Any, status: Any, at_stop: str = "") -> None:
        """Have the user's own program answer for PM2's daemon and for the service.

        Args:
            apps: PM2's list.
            status: the service's.
            at_stop: for the user's shell, when PM2 is told to stop an app.
        """
        lies = self.place / "lies.json"
        lies.write_text(json.dumps({"apps": apps, "status": status, "at_stop": at_stop}))
        self.place.chmod(0o755)
        words = ["runuser", "-u", USER, "--", "env", "-i", f"POSTGRES_PASSWORD={self.port}"]
        words += ["/usr/bin/python3", "-I", str(LIAR), f"{HOME}/.pm2", str(self.port), str(lies)]
        shown = [*self.inside(), *words, "PM2 v7.0.4: God Daemon"]
        self._liar = subprocess.Popen(shown, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._liar.stdout
        assert self._liar.stdout.readline(), "the liar did not start"

    def app(self, **changes: Any) -> dict[str, Any]:
        """The service in PM2's list, as a healthy one would be there."""
        env = {
            "name": APP,
            "status": "online",
            "restart_time": 0,
            "exec_mode": "fork_mode",
            "pm_cwd": f"{APP_DIR}/current",
            "pm_exec_path": f"{APP_DIR}/current/src/server.js",
            "pm_out_log_path": f"{HOME}/.pm2/logs/{APP}-out.log",
            "pm_err_log_path": f"{HOME}/.pm2/logs/{APP}-error.log",
            "kill_timeout": 5000,
            **changes,
        }
        return {"name": env["name"], "pm_id": 0, "pid": env.pop("pid", 2), "pm2_env": env}

    def service(self) -> int:
        """The pid of a service of the user's, which has written a session file since it was started."""
        program = "console.log(process.pid); setInterval(() => {}, 1000)"
        words = ["runuser", "-u", USER, "--", "env", "-C", f"{APP_DIR}/releases/{NEW}", "-i"]
        started = subprocess.Popen(
            [*self.inside(), *words, f"PATH={SEARCH_PATH}", "node", "-e", program],
            stdout=subprocess.PIPE,
        )
        assert started.stdout
        pid = int(started.stdout.readline())
        time.sleep(0.1)  # the clock of files is a coarse one
        os.utime(self.path(f"{APP_DIR}/baileys_sessions/company_{COMPANY}/creds.json"))
        return pid

    def roots_process(self) -> int:
        """The pid, on this host, of a process of root's with a secret in its environment."""
        words = [
            "env",
            f"POSTGRES_PASSWORD={self.canary}",
            f"LOG_LEVEL={self.canary}",
            "sleep",
            "600",
        ]
        subprocess.Popen([*self.inside(), "env", "-C", ROOTS, *words])
        known = subprocess.run(
            [*self.inside(), "sh", "-c", "until pgrep -x sleep; do sleep 0.05; done"],
            capture_output=True,
            check=True,
        )
        return int(known.stdout.split()[0])

    def _write(self, name: str, content: str, mode: int = 0o644) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)

    @staticmethod
    def _program(path: Path, content: str) -> None:
        path.write_text(content)
        path.chmod(0o755)
