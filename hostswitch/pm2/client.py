"""PM2 as this program uses it (7.0.4). Its exit codes are not believed (docs/facts.md section 3).

It keeps how it started an app: `pm2 restart` does not read the ecosystem file again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hostswitch.base.files import read_regular
from hostswitch.base.user import Account
from hostswitch.pm2 import dump, rpc
from hostswitch.pm2.app import App, is_entry
from hostswitch.pm2.starter import Starter

_LARGEST_PID_FILE = 4096
_ANSWER_SECONDS = 30
_START_SECONDS = 60


class Pm2:
    def __init__(self, account: Account, home: str) -> None:
        self._account = account
        self._starter: Starter | None = None
        self._primed_for: int | None = None
        self.home = Path(home)

    def daemon(self) -> int | None:
        """The daemon's pid, without starting one. Raises UnsafeFileError: whether it runs is not known."""
        content = read_regular(self.home / "pm2.pid", _LARGEST_PID_FILE, self._account.owner)
        try:
            pid = int(content or b"")
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if b"God Daemon" in title else None

    def ensure_daemon(self) -> None:
        """Start the daemon if it is not running; by its boot unit where there is one.

        One that this program starts lives in the unit that runs this program, and ends with it.
        """
        if self.daemon() is None and Path("/run/systemd/system").is_dir():
            self._start_unit()
        if self.daemon() is None:
            self._account.run(["pm2", "ping"], environment={"PM2_HOME": str(self.home)})

    def apps(self) -> list[App]:
        """PM2's list; empty if no daemon runs. Raises Pm2DaemonError: it does not answer."""
        return [App.of(entry, self.home) for entry in self._listed()]

    def kept(self, names: Collection[str]) -> list[App]:
        """Those of the apps that PM2 would start at boot, as it would."""
        saved = dump.only(dump.surviving(self.home), names)
        entries = [{"name": one["name"], "pm_id": 0, "pm2_env": one} for one in saved]
        return [App.of(entry, self.home) for entry in entries if is_entry(entry)]

    def app(self, name: str) -> App | None:
        return next((app for app in self.apps() if app.name == name), None)

    def delete(self, names: Collection[str], seconds: float) -> None:
        """Stop apps and forget how they were started; the caller looks in /proc whether they are gone."""
        for entry in self._listed():
            if entry["name"] in names:
                number = entry["pm_id"]
                self._call("stopWatch", "deleteProcessId", number)
                self._call("deleteProcessId", number, seconds=seconds)

    def prime(self) -> None:
        """Load what `start` needs, beside whatever is done meanwhile."""
        if self._starter is None:
            self._primed_for = self.daemon()
            self._starter = Starter(self._account, self.home)

    def start(self, word: bytes) -> None:
        """Start apps (`word`); whether they live is for the gate to find out."""
        self.wait_primed()
        starter, self._starter = self._starter, None
        if starter is not None:
            starter.go(word, _START_SECONDS)

    def wait_primed(self) -> None:
        """Wait until `start` would be at once; a client of a daemon that died would wait for ever."""
        waiting = self._starter
        if waiting is not None and (not waiting.waits or self.daemon() != self._primed_for):
            waiting.give_up()
            self._starter = None
            self.ensure_daemon()
        self.prime()
        if self._starter is not None:
            self._starter.wait_ready()

    def bring_back(self, apps: dump.Apps) -> None:
        """Start apps of a dump that PM2 does not list; whether they live is for the gate to find out."""
        listed = {app.name for app in self.apps()}
        for app in apps:
            if app.get("name") not in listed:
                with contextlib.suppress(rpc.Pm2DaemonError):
                    self._call("prepare", app, seconds=_START_SECONDS)

    def save(self, names: Collection[str], running: str | None = None) -> None:
        """Have a boot bring back these apps as they run now, and none of them that does not.

        Other apps stay as they were saved, which `pm2 save` would not let them, nor is that one step and for
        the owner alone. So PM2's backup, which may name another version, goes. A daemon that died a moment
        ago lists none: `running` must be there. Raises Pm2DaemonError: it is not; nothing was written.
        """
        listed = self.saved()
        if running is not None and not dump.only(listed, [running]):
            raise rpc.Pm2DaemonError(f"PM2 does not list {running} any more; see: pm2 ls")
        apps = dump.merged(dump.surviving(self.home), listed, names)
        dump.write(self.dump(), apps, self._account.owner)
        self.dump().with_name(dump.NAMES[1]).unlink(missing_ok=True)

    def saved(self) -> dump.Apps:
        """What `pm2 save` would write now; PM2's own modules are kept elsewhere."""
        environments = [one["pm2_env"] for one in self._listed()]
        return [dump.entry(one) for one in environments if not one.get("pmx_module")]

    def dump(self) -> Path:
        return self.home / "dump.pm2"

    def _start_unit(self) -> None:
        unit = f"pm2-{self._account.user}.service"
        root = Account.of("root", self._account.search_path)
        known = root.run(["systemctl", "show", "--property=LoadState", "--value", unit])
        if known.strip() == "loaded":
            root.run(["systemctl", "start", unit])

    def _listed(self) -> list[dict[str, Any]]:
        """The daemon's list, with all that it holds; secrets too."""
        if self.daemon() is None:
            return []
        found = self._call("getMonitorData", {})
        if not isinstance(found, list) or not all(map(is_entry, found)):
            raise rpc.Pm2DaemonError("PM2's daemon gave no list of apps; see: pm2 ls")
        return found

    def _call(self, method: str, *arguments: Any, seconds: float = _ANSWER_SECONDS) -> Any:
        return rpc.call(self.home, self._account.uid, method, *arguments, seconds=seconds)
