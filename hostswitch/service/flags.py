"""Where each flag stands on this host: in the file, in the process, and as the service says. Read-only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hostswitch.base import clock, processes
from hostswitch.base.errors import HostError
from hostswitch.base.places import Places
from hostswitch.base.structured import AbsolutePath, Line
from hostswitch.base.user import Account
from hostswitch.description.claims import value_at
from hostswitch.description.description import Place
from hostswitch.envfile.staging import read_env
from hostswitch.envfile.values import parse, repeated
from hostswitch.pm2.client import Pm2
from hostswitch.service import pointers, started_with
from hostswitch.service.pointers import revision_of
from hostswitch.service.status import fetch

EXPORTED, FILE, UNKNOWN = "exported", "file", "unknown"
_MASK = "********"
_OTHER = "******** (another)"


@dataclass(frozen=True)
class FlagPlan:
    """`declared` may hold secrets, whose values never leave the host."""

    env_live: AbsolutePath
    service_user: Line
    pm2_home: AbsolutePath
    service_app: Line
    status_url: Line | None
    flags_at: Place | None
    """Where the status tells the flags as the process sees them; None: it does not."""
    declared: Mapping[str, str] = field(repr=False)
    names: tuple[str, ...]
    secret_names: tuple[str, ...]


def show(plan: FlagPlan, places: Places) -> dict[str, Any]:
    """What this host shows of the flags, each as file, process and service have it.

    `source` says how the process got it; a secret shows whether it is the declared one; `problem` is what
    is wrong with the file, or None.
    """
    try:
        content, problem = read_env(plan.env_live), None
        if not os.path.lexists(plan.env_live):
            problem = f"{plan.env_live} is missing"
    except HostError as error:
        content, problem = b"", str(error)
    account = _account(plan, places)
    app = Pm2(account, plan.pm2_home).app(plan.service_app) if account else None
    pid = app.pid if app is not None and app.has_process else None
    began = processes.started_at(pid) if pid else None
    current = pointers.current_directory(os.path.dirname(plan.env_live))
    told = value_at(fetch(plan.status_url), plan.flags_at)
    said: Mapping[str, Any] = told if isinstance(told, dict) else {}
    file, twice = parse(content), repeated(content)
    seen = _process(plan, places, file, pid, began, account=account)
    flags = {
        name: {
            "file": _masked(plan, name, file.get(name)),
            "process": _masked(plan, name, seen[name][0]),
            "source": seen[name][1],
            "service": _masked(plan, name, said.get(name)),
            "told": name in said,
            "repeated": name in twice,
        }
        for name in plan.names
    }
    return {
        "revision": revision_of(current, account.owner) if current and account else None,
        "running": pid is not None,
        "pid": pid,
        "started": clock.text(began) if began is not None else None,
        "answers": isinstance(told, dict),
        "problem": problem,
        "flags": flags,
    }


def _account(plan: FlagPlan, places: Places) -> Account | None:
    try:
        return Account.of(plan.service_user, places.search_path)
    except KeyError:
        return None


def _process(
    plan: FlagPlan,
    places: Places,
    file: Mapping[str, str],
    pid: int | None,
    began: float | None,
    *,
    account: Account | None,
) -> dict[str, tuple[str | None, str]]:
    """What each flag is in the process, and how that is known.

    What PM2 exported wins (dotenv does not override it, docs/facts.md section 3). All else it read from
    the file as that was when it started: the file of now, if nobody touched it since, or what the
    last switch noted when it started this process.
    """
    if pid is None or began is None or account is None:
        return dict.fromkeys(plan.names, (None, UNKNOWN))
    exported = processes.environment(pid, account.owner)
    if exported is None:
        return dict.fromkeys(plan.names, (None, UNKNOWN))
    read: Mapping[str, str] | None = file
    if started_with.changed(plan.env_live) > began:
        read = started_with.flags_of(places, began)
    found: dict[str, tuple[str | None, str]] = {}
    for name in plan.names:
        if name in exported:
            found[name] = (exported[name], EXPORTED)
        elif read is None or (read is not file and name in plan.secret_names):
            found[name] = (None, UNKNOWN)
        else:
            found[name] = (read.get(name), FILE)
    return found


def _masked(plan: FlagPlan, name: str, value: Any) -> str | None:
    if value is None:
        return None
    if name not in plan.secret_names:
        return str(value)
    return _MASK if value == plan.declared.get(name) else _OTHER
