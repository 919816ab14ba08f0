"""Ends a switch: what its record says, into the history; its traces go away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hostswitch.base import clock
from hostswitch.base.errors import NotHealthyError, PutBackError
from hostswitch.base.output import told
from hostswitch.base.places import Places
from hostswitch.description.claims import CREDENTIALS
from hostswitch.directories import aside, copies
from hostswitch.host import Host
from hostswitch.record import journal
from hostswitch.record.history import History
from hostswitch.record.journal import Entry, Journal, find
from hostswitch.switch import undoable
from hostswitch.switch.opened import Facts, Switch


def close(
    switch: Switch, outcome: str, *, why: str | None = None, down: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write the record, then remove what an open switch keeps; the record's fields, for a result line."""
    fields = {
        "outcome": outcome,
        **record(switch.host, switch.facts, switch.journal.entries, outcome),
        **(down or {}),
        **({} if why is None else {"why": told(why)}),
    }
    line = {"event": "switch", "at": clock.now_text(), **fields}
    switch.journal.mark(journal.CLOSED, "done", line=line)
    finish(switch)
    return fields


def finish(switch: Switch) -> dict[str, Any]:
    """Everything after the last journal line; repeated by the next run if it is cut off."""
    undoable.forget(switch)
    if switch.facts.aside:
        aside.drop_empty(switch.host.plan.app_dir, switch.facts.rollout_id)
    return finish_without_plan(switch.host.places, switch.facts, switch.journal)


def finish_without_plan(places: Places, facts: Facts, log: Journal) -> dict[str, Any]:
    """The part of `finish` that needs no plan, whose file goes in the middle of it.

    The record's fields, of a switch that had ended; of one that never stopped the service, that.
    """
    closed = log.last(journal.CLOSED, "done")
    line = dict(closed.data["line"]) if closed else {"outcome": "forgotten"}
    if closed is not None:
        History(places.history).add_once(line)
    copies.forget(places.copies, facts.rollout_id)
    sweep(places)
    log.remove()
    fields = {name: value for name, value in line.items() if name not in ("event", "at")}
    return {**fields, "rollout_id": facts.rollout_id}


def sweep(places: Places) -> None:
    """Remove what only an open switch needs beside its journal: all of it holds secrets."""
    for path in (places.dump_before, places.to_start, places.env_before, places.plan):
        path.unlink(missing_ok=True)


def record(host: Host, facts: Facts, entries: Sequence[Entry], outcome: str) -> dict[str, Any]:
    """What happened, in figures that this switch measured; of what was undone, none."""
    gate = find(entries, journal.HEALTHY, "gate")
    undone = outcome in (PutBackError.outcome, NotHealthyError.outcome)
    imported = None if undone else find(entries, journal.IMPORTED, "done")
    keys = imported.data["keys"] if imported else {}
    shown = gate.data["companies"] if gate else {}
    return {
        "rollout_id": facts.rollout_id,
        "environment": host.plan.environment,
        "host": host.plan.host,
        "operator": host.plan.operator,
        "reason": host.plan.reason,
        "revision": {"from": facts.revision, "to": host.plan.revision},
        "flags": list(facts.flags),
        "changes": list(facts.changes),
        "cut_over": sorted(facts.cut_over),
        "imports": dict(facts.imports),
        "companies": {
            company_id: {
                "keys_before": facts.keys_before.get(company_id),
                "keys_imported": keys.get(company_id),
                "keys_after": shown.get(company_id, {}).get("keys"),
                "credentials_before": _credentials(facts.status_before, company_id),
                "credentials_after": _credentials(shown, company_id),
            }
            for company_id in host.plan.companies
        },
        "found": list(facts.found),
        "awaiting_pairing": [
            company_id for company_id in facts.waiting if not _credentials(shown, company_id)
        ],
        "dispositions": {"equal": imported.data["equal"]} if imported else {},
        "set_aside": list(facts.aside),
        "steps": _step_seconds(entries),
        "clock_ahead_seconds": facts.clock_ahead,
        "not_checked": list(gate.data["not_checked"]) if gate else [],
        "lost_key_lines": gate.data["lost_key_lines"] if gate else None,
        **_without_service(facts, entries, gate),
    }


def _credentials(companies: Mapping[str, Any] | None, company_id: str) -> int | None:
    if not companies or company_id not in companies:
        return None
    told = companies[company_id].get(CREDENTIALS)
    return None if told is None else int(told)


def _step_seconds(entries: Sequence[Entry]) -> dict[str, float]:
    """Seconds of each step, from its first intent to its last done."""
    found = {}
    for name in journal.STEPS:
        first = next((e for e in entries if (e.step, e.mark) == (name, "intent")), None)
        last = find(entries, name, "done")
        if first is not None and last is not None:
            found[name], _ = clock.elapsed(first.moment, last.moment)
    return found


def _without_service(facts: Facts, entries: Sequence[Entry], gate: Entry | None) -> dict[str, Any]:
    answered = gate.data["answered"] if gate else None
    return without_service(
        facts,
        entries,
        find(entries, journal.HEALTHY, "start") if gate else None,
        clock.Moment(**answered) if answered else None,
        gated_again=gate is not None and gate.data["gated_again"],
    )


def without_service(
    facts: Facts,
    entries: Sequence[Entry],
    start: Entry | None,
    answered: clock.Moment | None,
    *,
    gated_again: bool,
) -> dict[str, Any]:
    """From the stop command to the first good answer; None if nothing ran or nothing answered.

    A run that only gates what an earlier one started sees a good answer later than the first: then
    the start is all that is known, and the figure is one of "at least".
    """
    names = ("seconds_without_service", "at_least_seconds_without_service", "clock")
    found: dict[str, Any] = dict.fromkeys(names)
    stop = find(entries, journal.STOPPED, "intent")
    if facts.running and stop and start:
        end, name = (start.moment, names[1]) if gated_again else (answered, names[0])
        if end is not None:
            found[name], found["clock"] = clock.elapsed(stop.moment, end)
    return found
