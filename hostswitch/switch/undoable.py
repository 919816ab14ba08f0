"""Whether each act of the switch, and what undoes it, can be done here: found out before the stop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hostswitch.base.errors import HostError, Refusal, RefusedError
from hostswitch.directories import aside
from hostswitch.look.unmovable import look_at
from hostswitch.pm2 import dump
from hostswitch.service import pointers
from hostswitch.switch.opened import Switch


def try_all(switch: Switch) -> None:
    """Try each act and its undo on the very places, and lay out what the undo needs.

    What then goes wrong after the stop goes wrong on the way there, and the way back needs neither a
    place that it has nothing in nor any space.
    """
    host, plan = switch.host, switch.host.plan
    with _tried("PM2's dump can't be replaced", str(host.pm2.dump())):
        _keep_dump(switch)
    with _tried("a directory can't be set aside and brought back", host.path(aside.PLACE)):
        _try_aside(switch)
    with _tried("`current` can't be pointed", host.path("current")):
        pointers.keep_current(plan.app_dir)
    with _tried("the .env can't be replaced", plan.env_live):
        before, after, copy = switch.env_before, switch.env_after, host.places.env_before
        pointers.keep_env(plan.env_live, before, after, host.owner, copy)


@contextmanager
def _tried(what: str, where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        found = Refusal("trial", f"{what}: {error.strerror}", where, look_at(where))
        raise RefusedError([found]) from None


def _try_aside(switch: Switch) -> None:
    app_dir, facts = switch.host.plan.app_dir, switch.facts
    if not facts.aside:
        return
    with aside.opened(app_dir, facts.rollout_id, create=True) as (app, place):
        for item in facts.aside:
            aside.try_there_and_back(app, place, item["path"])


def _keep_dump(switch: Switch) -> None:
    """Keep the apps as they run now, in PM2's own format: name, path, cwd and environment."""
    host, names = switch.host, switch.host.plan.pm2_apps
    apps = dump.only(host.pm2.saved(), names)
    missing = sorted(set(switch.facts.apps) - {app.get("name") for app in apps})
    if missing:
        raise HostError(
            f"PM2 listed {', '.join(missing)} a moment ago and does not now; see: pm2 ls"
        )
    dump.write(host.places.dump_before, apps, (os.geteuid(), os.getegid()))
    dump.keep(host.pm2.home, apps, names, host.owner)


def forget(switch: Switch) -> None:
    """Remove what only the way back needed; the dump holds secrets."""
    plan, facts = switch.host.plan, switch.facts
    dump.forget_kept(Path(plan.pm2_home))
    pointers.forget_current(plan.app_dir)
    aside.forget_trial(plan.app_dir, facts.rollout_id, [one["path"] for one in facts.aside])
