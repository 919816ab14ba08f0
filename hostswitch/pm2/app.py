"""A PM2 application as its daemon shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ONLINE = ("online", "launching", "waiting restart")
"""States in which PM2 runs an app or is about to."""

NUMBERS = ("kill_timeout", "max_restarts", "min_uptime")
STARTED_AS = ("pm_cwd", "pm_exec_path", *NUMBERS)


@dataclass(frozen=True)
class App:
    name: str
    pid: int
    status: str
    restarts: int
    out_log: str = ""
    error_log: str = ""
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
        return tuple(path for path in (self.out_log, self.error_log) if path)
