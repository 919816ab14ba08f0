"""Ends a switch: its record goes into the history, its traces go away; raises the alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from hostswitch import aside, child, clock, copies, journal, undoable
from hostswitch.errors import NotHealthyError, PutBackError
from hostswitch.facts import Facts
from hostswitch.history import History
from hostswitch.host import Host
from hostswitch.journal import Entry, Journal, find
from hostswitch.output import progress, told
from hostswitch.places import Places
from hostswitch.steps import Switch

_ALARM_SECONDS = 60
_RUNG = "rung"


def close(
    switch: Switch,
    outcome: str,
    *,
    why: str | None = None,
    down: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the record, then remove what an open switch keeps.

    Args:
        switch: the open switch.
        outcome: "switched", "put back", "left stopped", "put back, not healthy".
        why: what went wrong.
        down: of a put back, how long there was no service (`without_service`).

    Returns:
        The record, as it stands in the history.
    """
    line = {
        "event": "switch",
        "at": clock.now_text(),
        "outcome": outcome,
        **record(switch.host, switch.facts, switch.journal.entries, outcome),
        **(down or {}),
        **({} if why is None else {"why": told(why)}),
    }
    switch.journal.mark(journal.CLOSED, "done", line=line)
    finish(switch.host, switch.facts, switch.journal)
    return line


def result_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """A record's fields as those of a result line, which has its own `event`."""
    return {name: value for name, value in line.items() if name not in ("event", "at")}


def finish(host: Host, facts: Facts, log: Journal) -> None:
    """Everything after the last journal line; repeated by the next run if it is cut off."""
    undoable.forget(host, facts)
    if facts.aside:
        aside.drop_empty(host.plan.app_dir, facts.rollout_id)
    finish_without_plan(host.places, facts, log)


def finish_without_plan(places: Places, facts: Facts, log: Journal) -> None:
    """The part of `finish` that needs no plan, whose file goes in the middle of it."""
    closed = log.last(journal.CLOSED, "done")
    if closed is not None:
        History(places.history).add_once(dict(closed.data["line"]))
    copies.forget(places.copies, facts.rollout_id)
    sweep(places)
    log.remove()


def sweep(places: Places) -> None:
    """Remove what only an open switch needs beside its journal: both hold secrets."""
    places.dump_before.unlink(missing_ok=True)
    places.plan.unlink(missing_ok=True)


def alarm(host: Host, message: str) -> None:
    """Run the operator's alarm command with the message on its standard input; put it on record.

    It never raises: an alarm that fails must not hide what it is about.
    """
    said = told(message)
    progress(f"ALARM: {said}")
    outcome = _ring(host.plan.alarm_command, said)
    if outcome != _RUNG:
        progress(outcome)
    with suppress(Exception):
        host.history.add("alarm", outcome=outcome, rollout_id=host.plan.rollout_id, why=said)


def _ring(command: Sequence[str] | None, message: str) -> str:
    if command is None:
        return "nobody was told: alarm_command is not set"
    try:
        given = message.encode("utf-8", "backslashreplace")
        done = child.run(command, seconds=_ALARM_SECONDS, given=given)
        problem = f"exit code {done.code}" if done.code else None
    except Exception as error:
        problem = str(error) or type(error).__name__
    return f"the alarm command failed ({problem}): {command[0]}" if problem else _RUNG


def record(host: Host, facts: Facts, entries: Sequence[Entry], outcome: str) -> dict[str, Any]:
    """What happened, in figures that this switch measured; of what was undone, none."""
    lines = list(entries)
    gate = find(lines, journal.HEALTHY, "gate")
    undone = outcome in (PutBackError.outcome, NotHealthyError.outcome)
    imported = None if undone else find(lines, journal.IMPORTED, "done")
    keys = imported.data["keys"] if imported else {}
    shown = gate.data["companies"] if gate else {}
    return {
        "rollout_id": facts.rollout_id,
        "environment": host.plan.environment,
        "host": host.plan.host,
        "operator": facts.operator,
        "reason": facts.reason,
        "revision": {"from": facts.revision_before, "to": host.plan.revision},
        "flags": [dict(flag) for flag in facts.flags],
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
        "set_aside": [dict(item) for item in facts.aside],
        "steps": step_seconds(lines),
        "clock_ahead_seconds": facts.clock_ahead_seconds,
        "not_checked": list(gate.data["not_checked"]) if gate else [],
        "lost_key_lines": gate.data["lost_key_lines"] if gate else None,
        **_without_service(facts, lines, gate),
    }


def _credentials(companies: Mapping[str, Any] | None, company_id: str) -> int | None:
    """1 or 0 as the service itself said; None if it was not asked."""
    if not companies or company_id not in companies:
        return None
    return int(bool(companies[company_id].get("credentials")))


def step_seconds(entries: Sequence[Entry]) -> dict[str, float]:
    """Seconds of each step, from its first intent to its last done."""
    found = {}
    for name in journal.STEPS:
        first = next((e for e in entries if (e.step, e.mark) == (name, "intent")), None)
        last = find(list(entries), name, "done")
        if first is not None and last is not None:
            found[name], _ = clock.elapsed(first.moment, last.moment)
    return found


def _without_service(facts: Facts, entries: list[Entry], gate: Entry | None) -> dict[str, Any]:
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
    entries: list[Entry],
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
    nothing: dict[str, Any] = dict.fromkeys(names)
    stop = find(entries, journal.STOPPED, "intent")
    if not facts.ran or stop is None or start is None:
        return nothing
    if gated_again:
        seconds, measured_by = clock.elapsed(stop.moment, start.moment)
        return {**nothing, "at_least_seconds_without_service": seconds, "clock": measured_by}
    if answered is None:
        return nothing
    seconds, measured_by = clock.elapsed(stop.moment, answered)
    return {**nothing, "seconds_without_service": seconds, "clock": measured_by}
