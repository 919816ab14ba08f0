"""Why the database rightly lacks a key that a file holds.

Only what Baileys itself deletes can be explained, each by evidence of its own in the values.
Seen in Baileys 7.0.0-rc14: ``removePreKey``, ``migrateSession`` and ``saveIdentity`` in
Signal/libsignal.js, ``sendMessagesAgain`` and ``pruneExpiredTcTokens`` in Socket/messages-recv.js.
Other types it never deletes, so nothing excuses their absence. Pure: no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sessionstore.contacts import identity_in_database, lid_address, remote_identities
from sessionstore.evidence import compare_sessions
from sessionstore.facts import Company, File
from sessionstore.grammar import Key
from sessionstore.lineage import DESCENDS
from sessionstore.tokens import expired
from sessionstore.values import digest

_group = re.compile(r"[0-9]+(?:-[0-9]+)?@g\.us").fullmatch

#: The reason where it is explained, or what is missing: (explained, words).
Answer = tuple[bool, str]


def explain(file: File, company: Company) -> Answer:
    """Say why a key may be absent from the database.

    Args:
        file: that holds it.
        company: what is known of the company.

    Returns:
        Whether it is explained, and the evidence, or what is missing, in words.
    """
    rule = RULES.get(file.key.key_type)
    if rule is None:
        what = file.key.key_type
        return False, f"not in the database; nothing explains a missing {what}"
    return rule(file, company)


def _pre_key(file: File, company: Company) -> Answer:
    # With equal clocks an uploaded key may have been used, or a clean-up job may have deleted one
    # that WhatsApp still hands out. No value tells which: a session that a contact began does not
    # name the pre-key that it used up (libsignal's session_record.js).
    before, after = company.file_clocks, company.database_clocks
    if before is None or after is None or after.next_pre_key <= before.next_pre_key:
        return False, "not in the database, and the clocks do not show that it was consumed"
    # A pre-key that was never uploaded can't have been used by anyone.
    if int(file.key.key_id) >= after.first_unuploaded_pre_key:
        return False, "not in the database, although it was never handed out"
    return True, f"consumed: nextPreKeyId went from {before.next_pre_key} to {after.next_pre_key}"


def _session(file: File, company: Company) -> Answer:
    address = lid_address(file.key.key_id, company)
    successor = company.value_of(Key("session", address)) if address else None
    trouble = "not in the database, and no LID session took its place"
    if successor is not None:
        # migrateSession copies the record, so the LID's must go on where this one stops.
        finding = compare_sessions(file.value, successor)
        if finding.newer or digest(successor) == digest(file.value):
            return True, f"moved to its LID session {address}"
        trouble = f"its LID session {address} does not go on from it: {finding.reason}"
    identity = identity_in_database(file.key.key_id, company)
    known = remote_identities(file.value)
    if identity is not None and known and identity not in known:
        return True, "cleared: the contact's identity is another one now"
    return False, trouble


def _sender_key_memory(file: File, company: Company) -> Answer:
    if not _group(file.key.key_id):
        return False, "not in the database; Baileys forgets such a list for groups only"
    if company.verdict.relation != DESCENDS:
        return False, "not in the database, and the clocks do not show that the service has run"
    return True, "forgotten for a message that was asked for again; it is told anew to everybody"


def _token(file: File, company: Company) -> Answer:
    if file.key.key_id != "__index" and expired(file.value, company.now):
        return True, "pruned: it has expired"
    return False, "not in the database, although it has not expired"


#: The rule of each type that Baileys deletes keys of.
RULES: dict[str, Callable[[File, Company], Answer]] = {
    "pre-key": _pre_key,
    "session": _session,
    "sender-key-memory": _sender_key_memory,
    "tctoken": _token,
}
