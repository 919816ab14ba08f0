"""What the record of a switch says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hostswitch.base import clock
from hostswitch.base.errors import NotHealthyError, PutBackError
from hostswitch.host import Host
from hostswitch.record import journal
from hostswitch.record.journal import Entry, find
from hostswitch.switch.opened import Facts


def result_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """A record's fields as those of a result line, which has its own `event`."""
    return {name: value for name, value in line.items() if name not in ("event", "at")}


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
