"""Apps of the same PM2 that are not declared: they stay as they are, and must not hold session data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from hostswitch.base import processes
from hostswitch.base.errors import HostError, Refusal
from hostswitch.host import Host
from hostswitch.pm2.app import App
from hostswitch.service.modules import loaded
from sessionstore.errors import printable
from sessionstore.tables.description import described

_BAILEYS = re.compile("(@[^/]+/)?baileys(/.*)?")
_ASKED = r"(?i:\b(?:from|into|update|join|table))[\s(\"'`]+(?:\w+[\"`]?\.)?[\"'`]?(?:{})\b"
"""A statement about one of these tables; a word alone may be anything."""
_SCRIPTS = (".js", ".cjs", ".mjs")


@dataclass(frozen=True)
class Neighbour:
    app: App
    script: str
    """Relative to the version that it runs from, or absolute where it is none of this application."""
    holds: tuple[str, ...] | None
    """What of the session data; None: what it loads is not known."""

    def __str__(self) -> str:
        known = "what it loads is not known" if self.holds is None else "no session data"
        what = " and ".join(self.holds or ()) or known
        return printable(
            f"{self.app.name} ({self.app.status}) is not declared and stays as it is: {what}"
        )


def neighbours(host: Host) -> list[Neighbour]:
    try:
        listed = host.pm2.apps()
    except HostError:
        return []  # What runs is told as not checked.
    return [_neighbour(host, app) for app in listed if app.name not in host.plan.pm2_apps]


def _neighbour(host: Host, app: App) -> Neighbour:
    app_dir = os.path.realpath(host.plan.app_dir)
    script, place = (
        os.path.realpath(str(app.started_as.get(name, "/"))) for name in ("pm_exec_path", "pm_cwd")
    )
    if not script.startswith(f"{app_dir}/"):
        works_here = f"{place}/".startswith(f"{app_dir}/")
        return Neighbour(app, script, None if works_here else ())
    found = loaded(script, app_dir, host.owner) if script.endswith(_SCRIPTS) else None
    inside = os.path.relpath(script, place if place.startswith(app_dir) else app_dir)
    if found is None:
        return Neighbour(app, inside, None)
    holds = []
    if any(map(_BAILEYS.fullmatch, found.packages)):
        holds.append("it loads Baileys")
    names = map(re.escape, described(host.plan.database.tables, only_known=False).names)
    asked = re.compile(_ASKED.format("|".join(names)).encode())
    named = (path for path, content in found.files.items() if asked.search(content))
    if first := next(named, None):
        holds.append(f"{os.path.relpath(first, app_dir)} asks the tables of the sessions")
    return Neighbour(app, inside, tuple(holds))


def refusals(host: Host, found: list[Neighbour]) -> Iterator[Refusal]:
    """Those that would go on with a session, or its keys, while the service is down."""
    for one in found:
        if one.holds and (one.app.running or one.app.settings.get("cron_restart")):
            yield Refusal(
                "pm2",
                f"{one.app.name} is not declared and holds session data: {' and '.join(one.holds)}",
                one.script,
                f"Declare it, sibling_apps: {{{one.app.name}: {one.script}}}; or, as"
                f" {host.plan.service_user}, take it out: pm2 delete, pm2 save --force",
            )


def pids(found: list[Neighbour]) -> set[int]:
    """The processes of those of which it is known that they hold none, or that are refused by name."""
    apps = [one.app for one in found if one.holds is not None and one.app.pid > 0]
    return {one.pid for one in processes.tree({app.pid for app in apps})}
