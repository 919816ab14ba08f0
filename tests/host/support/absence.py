"""What a company may rightly lack: its session before the first pairing, and what Baileys deletes.

An import record alone explains nothing: a clean-up job may have deleted what Baileys needs. Judged here
anew, and not by the program whose work is being checked.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hostswitch.decide import gate
from hostswitch.description.claims import CREDENTIALS

from .service_signals import answered
from .target import Target
from .wording import joined, not_checked


@dataclass(frozen=True)
class Evidence:
    """What the database shows of a company beside its absent keys."""

    credentials_moved_on: bool
    first_unuploaded_pre_key: int  # those below it were given to WhatsApp: peers use them up
    lid_of: Mapping[str, str]  # phone-number user → LID user, from lid-mapping
    sessions: Collection[str]


def explanation(key_type: str, key_id: str, evidence: Evidence) -> str | None:
    """Why Baileys may have deleted a key; None if nothing explains its absence.

    With evidence only (docs/facts.md section 2, "What a mover must respect").
    """
    if key_type == "pre-key":
        uploaded = key_id.isdigit() and int(key_id) < evidence.first_unuploaded_pre_key
        if uploaded and evidence.credentials_moved_on:
            return "uploaded, and the credentials have moved on: a peer used it up"
    if key_type == "session":
        user, _, device = key_id.rpartition(".")
        lid = evidence.lid_of.get(user)
        if lid is not None and f"{lid}_1.{device}" in evidence.sessions:
            return f"moved to its LID, {lid}_1.{device}"
    return None


def unpaired(target: Target) -> set[str]:
    """The companies that wait for their first pairing.

    The last switch must have recorded it, no pairing be on record since, and neither the database nor
    the service have anything of them: without the record, credentials that are not there were lost.
    """
    lines = target.history
    switches = [
        line for line in lines if line["event"] == "switch" and line.get("outcome") == "switched"
    ]
    left = {str(name) for name in switches[-1].get("awaiting_pairing", [])} if switches else set()
    left -= {name for one in lines if one["event"] == "paired" for name in one["companies"]}
    if not left:
        return left
    rows = target.database.rows(
        "SELECT company_id FROM {credentials} WHERE company_id = ANY(%(spelled)s)"
        " UNION SELECT company_id FROM {keys} WHERE company_id = ANY(%(spelled)s)"
        " UNION SELECT company_id FROM whatsapp_imports WHERE company_id = ANY(%(names)s)",
        names=sorted(left),
        spelled=[target.database.tables.spelled(name) for name in sorted(left)],
    )
    there = {target.database.tables.bare(row["company_id"]) for row in rows}
    shown = gate.shown(target.declared.described.signals, answered(target), left)
    with_credentials = {name for name, told in shown.items() if told.get(CREDENTIALS) is True}
    return left - there - with_credentials


def paired(target: Target, companies: Sequence[str]) -> list[str]:
    """Those of some companies that should have their sessions.

    Not checked where every one of them waits for its first pairing.
    """
    left = unpaired(target)
    if companies and left.issuperset(companies):
        not_checked(f"{joined(companies)}: no pairing yet")
    return [company_id for company_id in companies if company_id not in left]
