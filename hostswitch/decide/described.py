"""What a description of applications would change of those that run."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

from hostswitch.base import processes
from hostswitch.plan import Plan
from hostswitch.pm2.app import NUMBERS, App, Description


def to_come(described: Description, plan: Plan) -> Description:
    """What the file will say once it is staged: as it is, with what the plan itself names."""
    apps = {name: dict(app) for name, app in described.items()}
    for app in apps.values():
        app["kill_timeout"] = plan.kill_timeout_ms
        app["env"] = plan.pm2_environment
    if plan.service_app in apps:
        apps[plan.service_app]["script"] = os.path.join(plan.app_dir, "current", plan.entry)
    return apps


def differences(description: Description, apps: Iterable[App]) -> list[str]:
    """What PM2 runs otherwise than the file says, in sentences: what starting it again would change."""
    found = []
    listed = {app.name: app for app in apps}
    for name, wanted in description.items():
        app = listed.get(name)
        if app is None:
            found.append(f"PM2 does not run {name}")
            continue
        found += [f"PM2 runs {name} with {one}, which is not declared" for one in app.unusual]
        found += [
            f"PM2 exports another {variable} to {name} than declared"
            for variable, value in wanted.get("env", {}).items()
            if app.exported.get(variable) != value
        ]
        found += [
            f"PM2 runs {name} with {setting} {before!r}, declared is {after!r}"
            for setting, before, after in _settings(wanted, app.started_as)
            if before != after
        ]
    return found


def moved(app: App, wanted: Mapping[str, Any], plan: Plan, node: str | None) -> list[str]:
    """What a start as the file says (empty: not staged yet) would change of an app, by the file's names."""
    found = []
    if _in_version(str(app.started_as.get("pm_cwd", plan.app_dir)), plan) != ".":
        found.append("cwd")
    before, after = app.started_as.get("pm_exec_path"), wanted.get("script")
    if before and after and _in_version(before, plan) != _in_version(after, plan):
        found.append("script")
    if app.started_as.get("kill_timeout", 0) > plan.kill_timeout_ms:
        found.append("kill_timeout")
    # PM2 shows it only of an app whose description names it.
    if app.started_as.get("max_restarts", 0) > wanted.get("max_restarts", math.inf):
        found.append("max_restarts")
    program = processes.program(app.pid) if app.has_process else None
    if program is not None and program != node:
        found.append("exec_interpreter")
    return found


def _in_version(path: str, plan: Plan) -> str:
    """A path relative to the version it is in: a release, or the application directory itself."""
    app_dir, current = os.path.realpath(plan.app_dir), os.path.join(plan.app_dir, "current")
    if f"{path}/".startswith(f"{current}/"):
        return os.path.relpath(path, current)  # which may point nowhere yet
    directory, name = (path, "") if os.path.isdir(path) else os.path.split(path)
    inside = os.path.relpath(os.path.join(os.path.realpath(directory), name), app_dir)
    parts = inside.split("/")
    return "/".join(parts[2:]) or "." if parts[0] == "releases" and len(parts) > 1 else inside


def _settings(wanted: Mapping[str, Any], runs: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Setting, as PM2 runs it, as declared."""
    directory = str(wanted.get("cwd", ""))
    script = os.path.normpath(os.path.join(directory, str(wanted.get("script", ""))))
    found: list[tuple[str, Any, Any]] = [
        ("cwd", runs.get("pm_cwd"), directory),
        ("script", runs.get("pm_exec_path"), script),
    ]
    found += [(name, runs.get(name), wanted[name]) for name in NUMBERS if name in wanted]
    return found
