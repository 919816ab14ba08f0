"""Companies that have no session yet: told apart from those that lost theirs."""

from __future__ import annotations

from collections.abc import Sequence

from . import service_signals
from .legacy import recorded
from .reporting import not_checked
from .target import Target
from .wording import joined


def waiting(target: Target) -> set[str]:
    """The companies that wait for their first pairing.

    The last switch must have recorded it, no pairing be on record since, and the database must have
    nothing of them: without the record, credentials that are not there were lost.
    """
    lines = recorded(target)
    switches = [
        line
        for line in lines
        if line.get("event") == "switch" and line.get("outcome") == "switched"
    ]
    left = {str(name) for name in switches[-1].get("awaiting_pairing", [])} if switches else set()
    left -= {name for one in lines if one.get("event") == "paired" for name in one["companies"]}
    if not left:
        return left
    rows = target.database.rows(
        "SELECT company_id FROM whatsapp_auth WHERE company_id = ANY(%(names)s)"
        " UNION SELECT company_id FROM whatsapp_keys WHERE company_id = ANY(%(names)s)"
        " UNION SELECT company_id FROM whatsapp_imports WHERE company_id = ANY(%(names)s)",
        names=sorted(left),
    )
    return left - {row["company_id"] for row in rows} - _paired(target)


def _paired(target: Target) -> set[str]:
    """Companies that the service itself has credentials of, whatever the database says."""
    shown = service_signals.companies(target.status)
    return {name for name, company in shown.items() if company.credentials}


def paired(target: Target, companies: Sequence[str]) -> list[str]:
    """Those of some companies that should have their sessions.

    Not checked where every one of them waits for its first pairing.
    """
    left = waiting(target)
    if companies and left.issuperset(companies):
        not_checked(f"{joined(list(companies))}: no pairing yet")
    return [company_id for company_id in companies if company_id not in left]
