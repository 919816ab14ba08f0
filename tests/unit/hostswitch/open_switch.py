"""A switch that is about to be closed, in a folder."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from hostswitch.base.places import Places
from hostswitch.record import journal
from hostswitch.record.journal import Journal
from hostswitch.switch.opened import Facts

from .plans import PLAN

ROLLOUT = PLAN["rollout_id"]
LINE = {"event": "switch", "at": "2026-11-22T14:00:00.000Z", "rollout_id": ROLLOUT}
ENDED = {**LINE, "outcome": "switched"}


def facts_before() -> Facts:
    """What an open journal begins with."""
    values: dict[str, Any] = dict.fromkeys(one.name for one in fields(Facts))
    empty: dict[str, Any] = {"imports": {}, "judged": {}, "found": [], "waiting": []}
    return Facts(**{**values, **empty, "rollout_id": ROLLOUT, "aside": [{"path": "a"}]})


def open_switch(place: Path, *, closed: bool) -> Places:
    """A switch that is about to be closed, or one that never stopped the service."""
    app = place / "app"
    (app / ".set-aside" / ROLLOUT).mkdir(parents=True)
    places = Places(place / "state", place / "run")
    places.prepare()
    release = f"{app}/releases/{PLAN['revision']}"
    env = {"env_live": f"{app}/.env", "env_next": f"{app}/.env.next"}
    plan = {**PLAN, "app_dir": str(app), "release": release, **env}
    places.plan.write_text(json.dumps(plan))
    places.dump_before.write_text("[]")
    copy = places.copies / ROLLOUT / "sessions"
    copy.mkdir(parents=True)
    (copy / "creds.json").write_text("{}")
    log = Journal(places)
    facts = replace(facts_before(), judged=dict.fromkeys(env.values()))
    log.mark(journal.OPEN, "done", **asdict(facts))
    log.mark(journal.READY, "intent")
    if closed:
        log.mark(journal.CLOSED, "done", line=ENDED)
    return places
