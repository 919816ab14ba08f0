"""PM2 as this program uses it (7.0.4). Its exit codes are not believed (docs/facts.md section 3)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostswitch import dump
from hostswitch.account import Account, CommandFailedError
from hostswitch.gate import Process
from hostswitch.safefile import read_regular

ONLINE = ("online", "launching", "waiting restart")
"""States in which PM2 runs an app or is about to."""

NUMBERS = ("kill_timeout", "max_restarts", "min_uptime")
OFF_UNLESS_NAMED = (
    "args",
    "cron_restart",
    "max_memory_restart",
    "node_args",
    "wait_ready",
    "watch",
)
"""Settings that start or end an app in another way, and are off where nobody names them."""

_LARGEST_PID_FILE = 4096
_STARTED_AS = ("pm_cwd", "pm_exec_path", *NUMBERS, *OFF_UNLESS_NAMED)


@dataclass(frozen=True)
class App:
    """An app in PM2's list. Its environment is left out on purpose: it holds secrets."""

    name: str
    pid: int
    status: str
    restarts: int
    exec_mode: str
    out_log: str
    error_log: str
    started_as: Mapping[str, Any] = field(default_factory=dict)
    """How PM2 started it: settings of the ecosystem file, none of them a secret."""

    @property
    def running(self) -> bool:
        """Whether PM2 runs it or is about to."""
        return self.status in ONLINE

    @property
    def logs(self) -> tuple[str, ...]:
        """Its log files."""
        return tuple(path for path in (self.out_log, self.error_log) if path)

    @property
    def process(self) -> Process:
        """What the gate looks at."""
        return Process(self.pid, self.status, self.restarts)


class Pm2:
    """The PM2 of one user."""

    def __init__(self, account: Account, home: str) -> None:
        self._account = account
        self.home = Path(home)

    def daemon(self) -> int | None:
        """The daemon's pid, found without starting one (every pm2 command would).

        Raises:
            UnsafeFileError: its pid file is no regular file: whether it runs is not known.
        """
        content = read_regular(self.home / "pm2.pid", _LARGEST_PID_FILE)
        try:
            pid = int(content or b"")
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if b"God Daemon" in title else None

    def ensure_daemon(self) -> None:
        """Start the daemon if it is not running.

        By its boot unit where there is one: a daemon that this program starts itself lives in the
        unit that runs this program, and systemd ends it together with that.
        """
        if self.daemon() is None and Path("/run/systemd/system").is_dir():
            self._start_unit()
        self._run("ping")

    def apps(self) -> list[App]:
        """PM2's list; empty if no daemon runs (none is started)."""
        if self.daemon() is None:
            return []
        return [_app(entry) for entry in parse_list(self._run("jlist"))]

    def app(self, name: str) -> App | None:
        """One app of the list."""
        return next((app for app in self.apps() if app.name == name), None)

    def delete(self, names: Sequence[str], seconds: float) -> None:
        """Stop apps that PM2 lists, and forget how they were started.

        The caller checks in /proc that their processes are gone.
        """
        if names:
            self._run("delete", *names, seconds=seconds)

    def start(self, ecosystem: str, names: Sequence[str]) -> None:
        """Start apps as the ecosystem file says; whether they live is for the gate to find out."""
        self._run("start", ecosystem, "--only", ",".join(names), check=False)

    def resurrect(self) -> None:
        """Start the dump's apps that PM2 does not list."""
        self._run("resurrect", check=False)

    def save(self) -> None:
        """Write the dump: what runs now is what a boot brings back. Modes are tightened."""
        # Without --force PM2 keeps the old dump when its list is empty.
        self._run("save", "--force")
        dump.tighten(self.home)

    def leave_out(self, names: Sequence[str], owner: tuple[int, int]) -> None:
        """Take apps out of the dump, so that a boot does not bring them back.

        As `pm2 save` does once they are deleted, without the second that its Node.js takes: the
        service is down meanwhile.
        """
        dump.write(self.dump(), dump.merged(dump.read(self.dump()), [], names), owner)

    def dump(self) -> Path:
        """The dump file."""
        return self.home / "dump.pm2"

    def _start_unit(self) -> None:
        unit = f"pm2-{self._account.user}.service"
        root = Account.of("root", self._account.search_path)
        known = root.run(["systemctl", "show", "--property=LoadState", "--value", unit])
        if known.strip() == "loaded":
            root.run(["systemctl", "start", unit])

    def _run(self, *arguments: str, seconds: float = 60, check: bool = True) -> str:
        environment = {"PM2_HOME": str(self.home)}
        return self._account.run(
            ["pm2", *arguments], environment=environment, seconds=seconds, check=check
        )


def parse_list(output: str) -> list[dict[str, Any]]:
    """The list in the output of `pm2 jlist`, whatever banners precede it.

    Raises:
        CommandFailedError: there is none.
    """
    decoder = json.JSONDecoder()
    position = output.find("[")
    while position >= 0:
        try:
            found, _ = decoder.raw_decode(output, position)
        except ValueError:
            found = None
        if isinstance(found, list) and all(isinstance(entry, dict) for entry in found):
            return found
        position = output.find("[", position + 1)
    raise CommandFailedError("`pm2 jlist` printed no list; see: pm2 jlist | head -c 300")


def _app(entry: dict[str, Any]) -> App:
    shown = entry["pm2_env"]
    return App(
        name=entry["name"],
        pid=int(entry.get("pid") or 0),
        status=shown.get("status", "unknown"),
        restarts=int(shown.get("restart_time", 0)),
        exec_mode=shown.get("exec_mode", ""),
        out_log=shown.get("pm_out_log_path", ""),
        error_log=shown.get("pm_err_log_path", ""),
        started_as={name: shown[name] for name in _STARTED_AS if name in shown},
    )
