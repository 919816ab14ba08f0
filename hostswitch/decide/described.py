"""What a start by the entries of a version would change of the applications that run."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hostswitch.base import processes
from hostswitch.plan import Plan
from hostswitch.pm2.app import NUMBERS, App, Entries, Entry, otherwise


def resting(plan: Plan, entries: Entries, listed: Iterable[App]) -> set[str]:
    """Those that are not to be started, only listed: jobs that wait for their cron, and what has ended."""
    ended = {app.name for app in listed if not app.running}
    ends = {name for name, one in entries.items() if one.get("autorestart") is False}
    waits = {name for name in ends if entries[name].get("cron_restart")}
    return (waits | (ends & ended)) - {plan.service_app}


def judged(app: App, after: Entry, before: Entry | None, plan: Plan, node: str | None) -> App:
    """What a start would take from an app, and what it gives it as well.

    What its own version's entry says and the next one otherwise is the change of a release, not a loss;
    but for a name that is exported no more.
    """
    lost = [*otherwise(app, after), *_moved(app, after, plan, node)]
    exported, was = after.get("env", {}), {}
    if before is not None:
        kept = {*otherwise(app, before), *_moved(app, before, plan, node)}
        lost, was = [one for one in lost if one in kept], before.get("env", {})
    given = {
        name
        for name, value in app.exported.items()
        if name in exported and value in (exported[name], was.get(name))
    }
    return replace(app, lost=lost, given=given)


def differences(entries: Entries, apps: Iterable[App]) -> list[str]:
    """What PM2 runs otherwise, in sentences: what starting it again would change."""
    found = []
    listed = {app.name: app for app in apps}
    for name, wanted in entries.items():
        app = listed.get(name)
        if app is None:
            found.append(f"PM2 does not run {name}")
            continue
        found += [
            f"PM2 runs {name} with another {one} than declared" for one in otherwise(app, wanted)
        ]
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


def _moved(app: App, wanted: Entry, plan: Plan, node: str | None) -> list[str]:
    """Where and by what it would run otherwise, by the ecosystem file's names."""
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
    if program is not None and program != _interpreter(wanted, node):
        found.append("exec_interpreter")
    return found


def _interpreter(wanted: Entry, node: str | None) -> str | None:
    named = str(wanted.get("exec_interpreter", ""))
    return os.path.realpath(named) if named.startswith("/") else node


def _in_version(path: str, plan: Plan) -> str:
    """A path relative to the version it is in: a release, or the application directory itself."""
    app_dir, current = os.path.realpath(plan.app_dir), os.path.join(plan.app_dir, "current")
    if f"{path}/".startswith(f"{current}/"):
        return os.path.relpath(path, current)  # which may point nowhere yet
    directory, name = (path, "") if os.path.isdir(path) else os.path.split(path)
    inside = os.path.relpath(os.path.join(os.path.realpath(directory), name), app_dir)
    parts = inside.split("/")
    return "/".join(parts[2:]) or "." if parts[0] == "releases" and len(parts) > 1 else inside


def _settings(wanted: Entry, runs: Entry) -> list[tuple[str, Any, Any]]:
    """Setting, as PM2 runs it, as declared."""
    directory = str(wanted.get("cwd", ""))
    script = os.path.normpath(os.path.join(directory, str(wanted.get("script", ""))))
    found: list[tuple[str, Any, Any]] = [
        ("cwd", runs.get("pm_cwd"), directory),
        ("script", runs.get("pm_exec_path"), script),
    ]
    found += [(name, runs.get(name), wanted[name]) for name in NUMBERS if name in wanted]
    return found
