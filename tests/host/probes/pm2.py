"""Runs on the host: PM2's daemon, list and dump of one user, without what is secret in them.

A `pm2` command would start the daemon (docs/facts.md section 3), so none is run unless it is alive.
"""

import json
import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.host.probes.reading import LARGEST, read

SHOWN = (
    "status",
    "restart_time",
    "exec_mode",
    "instances",
    "pm_exec_path",
    "pm_cwd",
    "pm_out_log_path",
    "pm_err_log_path",
    "kill_timeout",
)


def daemon(home: str) -> int | None:
    """The daemon's pid, found without starting one."""
    try:
        pid = int(read(f"{home}/pm2.pid"))
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"God Daemon" in title else None


def listed(home: str) -> list[dict[str, Any]]:
    """The output of `pm2 jlist`, whatever banner precedes it."""
    with subprocess.Popen(
        ["pm2", "jlist"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PM2_HOME": home},
    ) as child:
        assert child.stdout
        said = child.stdout.read(LARGEST + 1).decode(errors="replace")
    if len(said) > LARGEST:
        raise ValueError(f"pm2 jlist says more than {LARGEST >> 20} MiB")
    apps: list[dict[str, Any]] = json.loads(said.splitlines()[-1])
    return apps


def app_of(entry: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What is shown of one app of the list or of the dump."""
    entered = entry.get("pm2_env", entry)
    shown = {name: entered.get(name) for name in SHOWN}
    # PM2 spreads the exported variables over pm2_env and keeps them under env too.
    exported = {**entered, **(entered.get("env") or {})}
    carried = {name: str(exported[name]) for name in names if name in exported}
    secret = [name for name in carried if "PASSWORD" in name or "SECRET" in name]
    carried.update(dict.fromkeys(secret, "(not shown)"))
    return {"name": entry.get("name"), "pid": entry.get("pid"), **shown, "carries": carried}


def dump(home: str, names: Sequence[str]) -> dict[str, Any] | None:
    """What PM2 starts at boot; None if there is no dump."""
    try:
        apps = json.loads(read(f"{home}/dump.pm2"))
    except FileNotFoundError:
        return None
    except OSError as error:
        return {"problem": f"can't be read: {error.strerror or error}"}
    except ValueError:
        return {"problem": "does not parse"}
    return {"apps": [app_of(app, names) for app in apps]}


def modes(home: str) -> dict[str, int]:
    """Permission bits of PM2's home and its dumps."""
    paths = [Path(home), Path(home, "dump.pm2"), Path(home, "dump.pm2.bak")]
    return {str(path): stat.S_IMODE(path.stat().st_mode) for path in paths if path.exists()}


def state(home: str, *names: str) -> dict[str, Any]:
    """All of it, by PM2_HOME, with the named environment variables that PM2 should not carry."""
    pid = daemon(home)
    apps = [app_of(entry, names) for entry in listed(home)] if pid else []
    return {"daemon": pid, "apps": apps, "dump": dump(home, names), "modes": modes(home)}
