"""Where the host program keeps its things, in one place so that tests can move them."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Places:
    """Directories of this program and the PATH on which pm2, node and systemctl are found."""

    state: Path = Path("/var/lib/baileys-rollout")
    run: Path = Path("/run/baileys-rollout")
    search_path: str = SEARCH_PATH

    @property
    def journal(self) -> Path:
        """The open switch, if there is one."""
        return self.state / "journal.jsonl"

    @property
    def plan(self) -> Path:
        """The open switch's plan (0600: it holds the database password)."""
        return self.state / "plan.json"

    @property
    def lock(self) -> Path:
        """Held while a command changes something."""
        return self.state / "lock"

    @property
    def history(self) -> Path:
        """One line for everything that happened."""
        return self.state / "history.jsonl"

    @property
    def dump_before(self) -> Path:
        """The apps as they ran before the open switch (PM2's own format, secrets in it)."""
        return self.state / "dump.pm2.before"

    @property
    def env_before(self) -> Path:
        """The .env from before the open switch, out of the reach of the version that it started."""
        return self.state / "env.before"

    @property
    def started(self) -> Path:
        """What the .env said when the last switch started the service."""
        return self.state / "started.json"

    @property
    def copies(self) -> Path:
        """Copies of live directories, one a rollout, until its switch has ended well."""
        return self.state / "copies"

    @property
    def drill(self) -> Path:
        """Names the instant at which a fault drill ends the program."""
        return self.run / "die-at"

    def prepare(self) -> None:
        """Make the state directory, for root alone."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(self.state.stat().st_mode) != 0o700:  # On a read-only disk it must do.
            self.state.chmod(0o700)
