"""A PM2 application as its daemon shows it, or its dump: settings, and what PM2 exports to it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Entry = Mapping[str, Any]
"""What an ecosystem file says of an app; secrets too."""
Entries = Mapping[str, Entry]

ONLINE = ("online", "launching", "waiting restart")
"""States in which PM2 runs an app or is about to."""

NUMBERS = ("kill_timeout", "max_restarts", "min_uptime")
_STARTED_AS = ("pm_cwd", "pm_exec_path", *NUMBERS)
_TEXTS = ("status", "exec_mode", "pm_cwd", "pm_exec_path", "pm_out_log_path", "pm_err_log_path")
_UNSET = (
    "args cron_restart disable_logs exp_backoff_restart_delay filter_env gid increment_var "
    "listen_timeout log_date_format log_type max_memory_restart node_args post_update "
    "restart_delay shutdown_with_message stop_exit_codes uid wait_ready watch"
)
_USUAL: Mapping[str, Any] = {
    **dict.fromkeys(("autorestart", "autostart", "source_map_support", "treekill"), True),
    "exec_interpreter": "node",
    "exec_mode": "fork_mode",
    "instance_var": "NODE_APP_INSTANCE",
    "instances": 1,
    "namespace": "default",
    "pmx": True,
    **dict.fromkeys(_UNSET.split()),
}
"""Settings that start, run or end an app in another way, as they are where nobody names them."""

_FILES = {
    "pm_log_path": ("log_file", "logs"),
    "pm_out_log_path": ("out_file", "logs"),
    "pm_err_log_path": ("error_file", "logs"),
    "pm_pid_path": ("pid_file", "pids"),
}
"""Where PM2 writes -> the ecosystem file's name for it, and where that is unless it is named."""
FILES = tuple(name for name, _ in _FILES.values())
_ITS_NUMBER = re.compile(r"-[0-9]+(\.log|\.pid)$")
"""PM2 gives files that its apps don't share the app's number, which is another after each start."""


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
    settings: Entry = field(default_factory=dict, repr=False)
    """What starts, runs or ends it in its own way, by the ecosystem file's names; secrets too."""
    lost: Sequence[str] = ()
    """Those of its settings that a start would take from it."""
    given: Collection[str] = ()
    """Names of what PM2 exports to it that a start gives it too."""

    @classmethod
    def of(cls, entry: Mapping[str, Any], home: Path) -> App:
        """By its entry (`is_entry`) in the list or the dump."""
        shown = entry["pm2_env"]
        return cls(
            name=entry["name"],
            pid=entry.get("pid", 0),
            status=shown.get("status", "unknown"),
            restarts=shown.get("restart_time", 0),
            out_log=shown.get("pm_out_log_path", ""),
            error_log=shown.get("pm_err_log_path", ""),
            started_as={name: shown[name] for name in _STARTED_AS if name in shown},
            exported=_exported(shown),
            settings=_settings(shown, home),
        )

    @property
    def running(self) -> bool:
        """PM2 runs it, or is about to."""
        return self.status in ONLINE

    @property
    def has_process(self) -> bool:
        return self.running and self.pid > 0

    @property
    def rests(self) -> bool:
        """It ends by itself, and PM2 lets it be: stopped is what it is until its cron, if it has one."""
        return not self.settings.get("autorestart", True)

    @property
    def logs(self) -> tuple[str, ...]:
        return tuple(path for path in (self.out_log, self.error_log) if path)


def is_entry(entry: Any) -> bool:
    """Whether it is an app as PM2 lists it. The daemon is its user's own process: it may lie."""
    if not isinstance(entry, dict) or not isinstance(entry.get("pm2_env"), dict):
        return False
    shown = entry["pm2_env"]
    numbers = (entry.get("pm_id"), entry.get("pid", 0), shown.get("restart_time", 0))
    settings = (shown.get(name, 0) for name in NUMBERS)
    texts = (entry.get("name"), *(shown.get(name, "") for name in _TEXTS))
    return (
        all(isinstance(one, int) for one in numbers)
        and all(isinstance(one, int | float) for one in settings)
        and all(isinstance(one, str) and "\0" not in one for one in texts)
    )


def _exported(shown: Mapping[str, Any]) -> dict[str, str]:
    """What PM2 exports to an app (docs/facts.md section 3), as the process gets it; secrets too."""
    found = shown.get("env")
    if not isinstance(found, dict):
        return {}
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in found.items()}


def _settings(shown: Mapping[str, Any], home: Path) -> dict[str, Any]:
    """An app is shown by its `pm2_env`, or by its entry in the dump."""
    found = {name: shown[name] for name in _USUAL if name in shown}
    written = {
        name: shown[path]
        for path, (name, place) in _FILES.items()
        if path in shown and not str(shown[path]).startswith(f"{home}/{place}/")
    }
    return found | written


def otherwise(app: App, entry: Entry) -> list[str]:
    """Settings that a start by this entry would change, by its names."""
    return [
        name
        for name in (*_USUAL, *FILES)
        if (before := _value(name, app.settings)) != (after := _value(name, entry))
        and (before or after)
    ]


def _value(name: str, settings: Entry) -> Any:
    value = settings.get(name, _USUAL.get(name))
    if name not in FILES or not isinstance(value, str):
        return None if name in FILES else value
    return "/dev/null" if value == "NULL" else _ITS_NUMBER.sub(r"\1", value)
