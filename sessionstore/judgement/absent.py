"""Why the database rightly lacks a key that a file holds.

Only what Baileys itself deletes can be explained, each by evidence of its own in the values.
Seen in Baileys 7.0.0-rc14: ``removePreKey``, ``migrateSession`` and ``saveIdentity`` in
Signal/libsignal.js; ``handleDevicesNotification``, ``sendMessagesAgain`` and ``pruneExpiredTcTokens`` in
Socket/messages-recv.js. That deletes sessions around retries too (once in ``sendRetryRequest``, three
times in ``sendMessagesAgain``): the row that follows shows it, and until there is one nothing does.
Other types it never deletes, so nothing excuses their absence. Pure: no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sessionstore.judgement import contacts
from sessionstore.judgement.evidence import Finding, expired
from sessionstore.judgement.facts import Company, File
from sessionstore.judgement.lineage import DESCENDS
from sessionstore.judgement.sessions import compare_sessions
from sessionstore.keys.names import Key
from sessionstore.keys.values import digest

_group = re.compile(r"[0-9]+(?:-[0-9]+)?@g\.us").fullmatch


def explain(file: File, company: Company) -> Finding:
    """Tell whether a key may be absent from the database, with the evidence, or with what is missing."""
    rule = RULES.get(file.key.key_type)
    if rule is None:
        what = file.key.key_type
        return Finding(False, f"not in the database; nothing explains a missing {what}")
    if file.imported is False:
        return _missing("and never imported like this: it was written since")
    return rule(file, company)


def _missing(why: str) -> Finding:
    return Finding(False, f"not in the database, {why}")


def _pre_key(file: File, company: Company) -> Finding:
    # With equal clocks an uploaded key may have been used, or a clean-up job may have deleted one
    # that WhatsApp still hands out. No value tells which: a session that a contact began does not
    # name the pre-key that it used up (libsignal's session_record.js). So they are counted: after a
    # clean-up of all of them Baileys makes new ones, and the clocks move on just the same.
    before, after, number = company.file_clocks, company.database_clocks, int(file.key.key_id)
    if before is None or after is None or after.next_pre_key <= before.next_pre_key:
        return _missing("and the clocks do not show that it was consumed")
    if number >= before.next_pre_key:
        return _missing("and made after the files' credentials were saved")
    # A pre-key that was never uploaded can't have been used by anyone.
    if number >= after.first_unuploaded_pre_key:
        return _missing("although it was never handed out")
    gone, sessions = company.pre_keys()
    if gone > sessions:
        return Finding(
            False,
            f"{gone} pre-keys are gone, but contacts opened only {sessions} sessions since:"
            " something else deleted some, and WhatsApp may still hand them out",
        )
    moved = f"nextPreKeyId went from {before.next_pre_key} to {after.next_pre_key}"
    return Finding(True, f"consumed: {moved}, and contacts opened {sessions} sessions")


def _session(file: File, company: Company) -> Finding:
    address = file.key.key_id
    lid, identity = (
        contacts.lid_address(address, company.lid_of),
        contacts.changed_identity(address, company),
    )
    successor = company.value_of(Key("session", lid)) if lid else None
    trouble = "not in the database, and no LID session took its place"
    if successor is not None:
        # migrateSession copies the record, so the LID's must go on where this one stops.
        finding = compare_sessions(file.value, successor, [identity] if identity else [])
        if finding.shown or digest(successor) == digest(file.value):
            return Finding(True, f"moved to its LID session {lid}")
        trouble = f"its LID session {lid} does not go on from it: {finding.reason}"
    known = contacts.remote_identities(file.value)
    if identity is not None and known and identity not in known:
        return Finding(True, "cleared: the contact's identity is another one now")
    if contacts.removed_device(address, company):
        return Finding(True, "deleted: the contact removed the device")
    return Finding(False, trouble)


def _sender_key_memory(file: File, company: Company) -> Finding:
    if not _group(file.key.key_id):
        return Finding(False, "not in the database; Baileys forgets such a list for groups only")
    if company.verdict.relation != DESCENDS:
        return _missing("and the clocks do not show that the service has run")
    return Finding(
        True, "forgotten for a message that was asked for again; it is told anew to everybody"
    )


def _token(file: File, company: Company) -> Finding:
    if file.key.key_id != "__index" and expired(file.value, company.now):
        return Finding(True, "pruned: it has expired")
    return _missing("although it has not expired")


#: The rule of each type that Baileys deletes keys of.
RULES: dict[str, Callable[[File, Company], Finding]] = {
    "pre-key": _pre_key,
    "session": _session,
    "sender-key-memory": _sender_key_memory,
    "tctoken": _token,
}
