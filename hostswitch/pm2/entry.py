"""What PM2 holds of an app beside its process: what it exports to it, and what it does unlike usual. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def exported(shown: Mapping[str, Any]) -> dict[str, str]:
    """What PM2 exports to an app (docs/facts.md section 3), as the process gets it; secrets too."""
    found = shown.get("env")
    if not isinstance(found, dict):
        return {}
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in found.items()}


def unusual(shown: Mapping[str, Any], home: Path) -> list[str]:
    """Settings that are not as they are where nobody names them, by the ecosystem file's names.

    An app is shown by its `pm2_env`, or by its entry in the dump.
    """
    found = [
        name
        for name, usual in _USUAL.items()
        if (value := shown.get(name, usual)) != usual and (value or usual)
    ]
    elsewhere = (
        name
        for path, (name, place) in _FILES.items()
        if path in shown and not str(shown[path]).startswith(f"{home}/{place}/")
    )
    return [*found, *elsewhere]
