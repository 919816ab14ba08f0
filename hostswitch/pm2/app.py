"""A PM2 application as its daemon shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Process:
    """What PM2 and /proc say about the app."""

    pid: int
    status: str
    restarts: int


ONLINE = ("online", "launching", "waiting restart")
NUMBERS = ("kill_timeout", "max_restarts", "min_uptime")
_STARTED_AS = ("pm_cwd", "pm_exec_path", *NUMBERS)


@dataclass(frozen=True)
class App:
    """An app in PM2's list."""

    name: str
    pid: int
    status: str
    restarts: int
    exec_mode: str
    out_log: str
    error_log: str
    started_as: Mapping[str, Any] = field(default_factory=dict)
    """How PM2 started it: settings of the ecosystem file, none of them a secret."""
    exported: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What PM2 exports to it, secrets too."""
    unusual: Sequence[str] = ()
    """Its settings that are not as they are where nobody names them, by the ecosystem file's names."""

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
