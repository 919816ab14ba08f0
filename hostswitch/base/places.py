"""Where the host program keeps its things, in one place so that tests can move them."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class _File:
    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, places: Places, _: type[Places]) -> Path:
        return places.state / self._name


@dataclass(frozen=True)
class Places:
    """Directories of this program and the PATH on which pm2, node and systemctl are found."""

    state: Path = Path("/var/lib/baileys-rollout")
    run: Path = Path("/run/baileys-rollout")
    search_path: str = SEARCH_PATH

    journal = _File("journal.jsonl")
    """The open switch, if there is one."""
    plan = _File("plan.json")
    """The open switch's plan (0600: it holds the database password)."""
    lock = _File("lock")
    """Held while a command changes something."""
    history = _File("history.jsonl")
    """One line for everything that happened."""
    dump_before = _File("dump.pm2.before")
    """The apps as they ran before the open switch (PM2's own format, secrets in it)."""
    to_start = _File("to-start.json")
    """What PM2 is to start in the open switch, as it was judged (secrets in it)."""
    env_before = _File("env.before")
    """The .env from before the open switch, out of the reach of the version that it started."""
    started = _File("started.json")
    """What the .env said when the last switch started the service."""
    copies = _File("copies")
    """Copies of live directories, one a rollout, until its switch has ended well."""

    @property
    def drill(self) -> Path:
        """Names the journal's line, `mark:step`, at which a fault drill ends the program."""
        return self.run / "die-at"

    def prepare(self) -> None:
        """Make the state directory, for root alone."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(self.state.stat().st_mode) != 0o700:  # On a read-only disk it must do.
            self.state.chmod(0o700)
