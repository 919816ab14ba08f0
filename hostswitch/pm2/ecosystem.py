"""How PM2 is to start the plan's apps: by the entries of the service's own ecosystem file, where it has one.

That file is evaluated once, as PM2 does it and as the service's user. What was judged of it is what is
started: PM2 gets the entries, and never the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Any

from hostswitch.base.answer import understood
from hostswitch.base.errors import HostError
from hostswitch.base.user import Account, CommandFailedError
from hostswitch.plan import Plan
from hostswitch.pm2.app import FILES, NUMBERS, Entries, Entry
from hostswitch.pm2.starter import StarterError, library

# What the file prints is not the answer, and what it leaves open does not keep this from ending. PM2's own
# reading of it (7.0.4) knows each setting by one name, and sizes and times as numbers.
_EVALUATE = """
const [library, file, block] = process.argv.slice(1)
const say = process.stdout.write.bind(process.stdout)
process.stdout.write = () => true
process.chdir(require('path').dirname(file))
const found = require(file)
const apps = require(library + '/lib/Common.js').verifyConfs([].concat(found.apps || found.pm2 || found))
if (apps instanceof Error) throw apps
const text = value => typeof value === 'object' ? JSON.stringify(value) : String(value)
for (const app of apps) {
  const exported = { ...app.env, ...app['env_' + block], ...(app.port && { PORT: app.port }) }
  const named = Object.entries(exported).filter(([, value]) => value !== undefined)
  app.env = Object.fromEntries(named.map(([name, value]) => [name, text(value)]))
}
say(JSON.stringify(apps), () => process.exit())
"""
_LEAST: Entry = {
    "exec_mode": "fork_mode",
    "instances": 1,
    "max_restarts": 10,
    "min_uptime": 5000,
}
"""Of an app whose kind has no ecosystem file."""
_NO_PATHS = ("NULL", "~", "/")


class EcosystemError(HostError):
    """The file is missing or can't be understood."""


def own_entries(account: Account, plan: Plan, version: str) -> Entries | None:
    """What the service's own file in a version says of its apps; None: its kind has no such file."""
    kept = plan.description.pm2
    if kept.ecosystem is None:
        return None
    path = os.path.join(version, kept.ecosystem)
    if not os.path.isfile(path):
        raise EcosystemError("it is not there")
    home = {"PM2_HOME": plan.pm2_home}
    try:
        words = ["node", "-e", _EVALUATE, library(account.search_path), path, kept.env or ""]
        apps = understood(account.run(words, environment=home))
    except (CommandFailedError, StarterError, ValueError):
        raise EcosystemError("it can't be evaluated") from None
    if not isinstance(apps, list) or not all(map(_is_entry, apps)):
        raise EcosystemError("it describes no apps")
    return {app["name"]: app for app in apps}


def _is_entry(app: Any) -> bool:
    """Whether PM2 can have read it so: the file runs in the same process, and may have lied."""
    if not isinstance(app, dict) or not isinstance(app.get("name"), str):
        return False
    exported = app.get("env", {})
    return (
        isinstance(exported, dict)
        and all(isinstance(one, str) for one in exported.values())
        and all(isinstance(app.get(one, 0), int | float) for one in NUMBERS)
        and all(isinstance(app.get(one, ""), str | bool) for one in FILES)
    )


def to_start(plan: Plan, own: Entries | None) -> Entries:
    """The entries to start the plan's apps by, without those that their own file lacks.

    They are kept as they are, but for where they run and how long they have to end. What they write by a
    relative path stays in the application directory, where it was as long as the application ran in place.
    """
    return {
        name: _entry(plan, name, _LEAST if own is None else own[name])
        for name in plan.pm2_apps
        if own is None or name in own
    }


def _entry(plan: Plan, name: str, own: Entry) -> Entry:
    current = os.path.join(plan.app_dir, "current")
    files = {one: own[one] for one in FILES if _is_relative(own.get(one))}
    return {
        **own,
        **{one: os.path.normpath(os.path.join(plan.app_dir, path)) for one, path in files.items()},
        "name": name,
        "cwd": current,
        "script": os.path.join(current, plan.pm2_apps[name]),
        "kill_timeout": max(own.get("kill_timeout", 0), plan.kill_timeout_ms),
        "env": {**own.get("env", {}), **plan.pm2_environment},
    }


def word(entries: Entries, resting: Collection[str]) -> bytes:
    """What `Pm2.start` is given; those that rest are only listed, stopped. Secrets in it."""
    named: dict[bool, list[Entry]] = {False: [], True: []}
    for name, entry in entries.items():
        named[name in resting].append(entry)
    return json.dumps({"apps": named[False], "resting": named[True]}).encode()


def _is_relative(path: Any) -> bool:
    return isinstance(path, str) and bool(path) and not path.startswith(_NO_PATHS)


def is_one_fork(entry: Mapping[str, Any]) -> bool:
    # PM2 switches to cluster mode by itself when `instances` is set without `exec_mode`.
    instances = entry.get("instances", 1)
    mode = entry.get("exec_mode", "fork_mode" if "instances" not in entry else "cluster_mode")
    return bool(mode == "fork_mode" and instances == 1)
