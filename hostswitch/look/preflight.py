"""What a switch would do, without doing it. Writes nothing and starts nothing on this host."""

from __future__ import annotations

import os
from typing import Any

from hostswitch.base.errors import CHANGES, OK, REFUSED, first_of
from hostswitch.decide.changes import Change, Decision, decide
from hostswitch.decide.recovery import Recovery
from hostswitch.decide.recovery import decide as recover
from hostswitch.decide.running import only_in_file
from hostswitch.decide.seen import Seen
from hostswitch.host import Host
from hostswitch.look import checks
from hostswitch.look.neighbours import neighbours
from hostswitch.look.observe import look
from hostswitch.record import journal


def run(host: Host) -> tuple[int, dict[str, Any]]:
    """Compare the plan with the host; its release need not be staged yet.

    The exit code and the result's fields; what is `not_checked` is checked again before the switch.
    """
    opened = journal.read(host.places.journal)
    if opened:
        return CHANGES, _first_end(host, recover(opened))
    seen = look(host, staged=False)
    decision = decide(host.plan, seen)
    not_staged = _not_staged(host, seen)
    refusals = checks.refusals(host, seen, decision, is_staged=False)
    if seen.database_error is not None and not (decision.changes or not_staged):
        # Nothing that is still to come would mend it, and without the database nothing is proven.
        refusals.append(seen.database_error)
    refusals = first_of(refusals)
    changes = [*decision.changes, *_to_record(seen), *_afterwards(host, decision)]
    before_env = only_in_file(host.plan, seen) if decision.changes else []
    code = REFUSED if refusals else CHANGES if changes else OK
    outcome = {REFUSED: "refused", CHANGES: "changes", OK: "nothing to do"}[code]
    return code, {
        "outcome": outcome,
        "rollout_id": host.plan.rollout_id,
        "changes": [{"kind": change.kind, "sentence": change.what} for change in changes],
        "refusals": [str(refusal) for refusal in refusals],
        "details": [vars(refusal) for refusal in refusals],
        "not_checked": [*seen.not_checked, *not_staged, *before_env],
        "found": list(seen.found),
        "beside": [str(one) for one in neighbours(host)] if decision.changes else [],
    }


def _to_record(seen: Seen) -> list[Change]:
    """First pairings since the last switch: once on record, lost credentials count as lost."""
    what = "company {} has its first credentials: put that on record"
    return [Change("pairing", what.format(company_id)) for company_id in sorted(seen.paired)]


def _afterwards(host: Host, decision: Decision) -> list[Change]:
    days = host.plan.remove_after_days
    when = "after the verification" if not days else f"{days:g} days later"
    found = []
    for declared in decision.aside:
        found.append(Change("archive", f"archive {declared.path}, encrypted"))
        found.append(Change("remove", f"remove {declared.path} {when}, proven again"))
    return found


def _first_end(host: Host, recovery: Recovery) -> dict[str, Any]:
    """While a switch is open nothing else can be foreseen: what runs then is not known yet."""
    sentence = f"end the switch that was cut off at row {recovery.row}: {recovery.action.value}"
    return {
        "outcome": "changes",
        "rollout_id": host.plan.rollout_id,
        "changes": [{"kind": "resume", "sentence": sentence}],
        "refusals": [],
        "details": [],
        "not_checked": ["everything else, until that switch has ended"],
        "found": [],
    }


def _not_staged(host: Host, seen: Seen) -> list[str]:
    found = []
    if not os.path.isdir(host.plan.release):
        if host.plan.description.pm2.ecosystem is not None:
            found.append("how the next version's ecosystem file has PM2 start it (not staged yet)")
        found.append("the release: node --check and its Baileys version (not staged yet)")
    if seen.env_next is None:
        found.append("the next .env (not staged yet)")
    return found
