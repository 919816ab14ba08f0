"""Judging a file that does not equal its row in the database.

Pure functions from facts to a decision with its reason; the rules are those of
docs/session-data.md and docs/facts.md section 2, "What a mover must respect". Whatever no rule explains is
unexplained, and blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sessionstore.judgement import absent, contacts
from sessionstore.judgement.evidence import Finding, compare_tokens, compare_versions, member
from sessionstore.judgement.facts import Company, File, Row
from sessionstore.judgement.lineage import DESCENDS, SAME, trouble_with
from sessionstore.judgement.sender_keys import compare_sender_keys, states_in
from sessionstore.judgement.sessions import base_keys, compare_sessions
from sessionstore.keys.names import Key
from sessionstore.keys.values import Value
from sessionstore.scan.table import CREDS

EQUAL = "equal"
NEWER = "newer in database"
EXPLAINED = "absent, explained"
ARCHIVED = "archived only"
UNEXPLAINED = "unexplained"

#: Every outcome, with what it means.
OUTCOMES: dict[str, str] = {
    EQUAL: "the row holds the same value",
    NEWER: "the row holds a later value, shown by evidence of its type",
    EXPLAINED: "the row is gone because Baileys itself deleted it, shown by evidence",
    ARCHIVED: "only the archive will hold it: an artefact, or a backup's or test's own content",
    UNEXPLAINED: "nothing shows that the key is safe elsewhere: it blocks a live directory",
}


@dataclass(frozen=True)
class Disposition:
    file: str  # its path below the scanned directory
    outcome: str  # one of :data:`OUTCOMES`
    reason: str  # the evidence in words
    way: str = ""  # what would change it, where that is another thing than for its type


def judge(file: File, row: Row | None, company: Company, *, revived: bool = True) -> Disposition:
    """Judge a file that does not equal its row; ``revived``: each Buffer of that is one to its reader."""
    if company.verdict.relation not in (SAME, DESCENDS):
        return Disposition(file.path, UNEXPLAINED, company.verdict.reason)
    if row is not None and not revived:
        return Disposition(file.path, UNEXPLAINED, *_UNREVIVED)
    if row is None:
        outcome, finding = EXPLAINED, absent.explain(file, company)
    else:
        rule = _DIFFERENCES.get(file.key.key_type, _no_counter)
        outcome, finding = NEWER, rule(file, row, company)
    shown, *words = finding
    return Disposition(file.path, outcome if shown else UNEXPLAINED, *words)


_TOKEN_INDEX = Key("tctoken", "__index")
_AS_BACKUP = "declaring the directory as a backup, whose archive then is the only copy"
_NOT_IMPORTED = (
    "the file is not what was imported: somebody wrote it since",
    f"finding out who wrote it, and whether that is in the database; or {_AS_BACKUP}",
)
_LOST_FIELDS = (
    "the credentials in the database having all that the file has: look who wrote them; a service that"
    f" lost some can't go on from them. Or {_AS_BACKUP}"
)
_UNREVIVED = (
    "the row holds a Buffer in a spelling that Baileys does not revive: the service would read"
    " another value there",
    "the row being written as Baileys spells it (BufferJSON.replacer): base64",
)
# Less can't hold a key pair and a chain.
_SMALLEST_RECORD = 64


def _credentials(file: File, row: Row, company: Company) -> Finding:
    """All that the file has, and the clocks moved on; with equal clocks the time of writing tells."""
    verdict = company.verdict
    trouble = trouble_with(file.value, row.value)
    mine, used = (member(one, "myAppStateKeyId") for one in (file.value, row.value))
    known = isinstance(used, str) and company.value_of(Key("app-state-sync-key", used)) is not None
    if not trouble and used != mine and not known:
        trouble = "the database lacks the app-state-sync-key that its credentials name"
    if file.imported is False:
        return Finding(False, *_NOT_IMPORTED)
    if trouble:
        return Finding(False, f"{verdict.reason}; {trouble}", _LOST_FIELDS)
    if verdict.relation == DESCENDS:
        return Finding(True, verdict.reason)
    later = _written_later(file, row, company)
    return Finding(later.shown, f"{verdict.reason}; {later.reason}")


def _immutable(file: File, _row: Row, _company: Company) -> Finding:
    return Finding(False, f"a {file.key.key_type} never changes, but it differs in the database")


def _identity(file: File, row: Row, company: Company) -> Finding:
    """An identity stays, unless the contact has a new one, and a session with it since then."""
    address = file.key.key_id
    lid = contacts.lid_address(address, company.lid_of)
    places = [Key("session", one) for one in (address, lid) if one]
    known: set[str] = set().union(*(base_keys(company.file_of(place)) for place in places))
    for session in map(company.value_of, places):
        opened = contacts.opened_with(session, row.value) if isinstance(row.value, bytes) else None
        # saveIdentity clears the session, and the message that brought the identity opens another.
        # Where no file tells which that is, it must have begun after the file was written.
        if (
            opened
            and opened[0] not in known
            and (known or opened[1] > file.written_at >= company.paired_at)
        ):
            return Finding(True, "the contact has a new identity, and since then a session")
    return _immutable(file, row, company)


def _session(file: File, row: Row, company: Company) -> Finding:
    if isinstance(file.value, bytes) and isinstance(row.value, bytes):
        return _opaque(file, row, company)
    identity = contacts.changed_identity(file.key.key_id, company)
    return compare_sessions(file.value, row.value, [identity] if identity else [])


def _sender_key(file: File, row: Row, company: Company) -> Finding:
    both = isinstance(file.value, bytes) and isinstance(row.value, bytes)
    if both and states_in(file.value) is None and states_in(row.value) is None:
        return _opaque(file, row, company)
    return compare_sender_keys(file.value, row.value)


def _opaque(file: File, row: Row, company: Company) -> Finding:
    """A record in a form of its own (a WebAssembly one): no counter, and no owner that can be read.

    Where the contact's identity is known and stands among the file's bytes, it must among the row's.
    """
    assert isinstance(file.value, bytes) and isinstance(row.value, bytes)
    what = f"a {file.key.key_type} in a form without a counter that is known here"
    address = file.key.key_id
    before = contacts.identity_of(address, company, company.file_of)
    now = contacts.identity_of(address, company, company.value_of)
    way = f"the service writing the row again, where the file is what was imported; or {_AS_BACKUP}"
    if len(row.value) < _SMALLEST_RECORD or not any(row.value):
        return Finding(False, f"{what}; the database's holds nothing", way)
    if before and before[1:] in file.value and not (now and now[1:] in row.value):
        return Finding(False, f"{what}; the database's is not the contact's", way)
    if file.imported is None:
        trouble = "no import recorded it, so nothing tells which is later"
        return Finding(False, f"{what}; {trouble}", _AS_BACKUP)
    newer, reason, other = _written_later(file, row, company)
    return Finding(newer, f"{what}; {reason}", other or way)


def _token(file: File, row: Row, company: Company) -> Finding:
    if file.key == _TOKEN_INDEX:
        return _no_counter(file, row, company)
    return compare_tokens(file.value, row.value, company.now)


def _no_counter(file: File, row: Row, company: Company) -> Finding:
    """lid-mapping, device-list, sender-key-memory and a token's index: only times can tell."""
    what = f"no counter in a {file.key.key_type}"
    if not SHAPES[file.key.key_type](file.key.key_id, row.value, company):
        return Finding(False, f"{what}; and the database's is none that Baileys writes")
    newer, reason, way = _written_later(file, row, company)
    return Finding(newer, f"{what}; {reason}", way)


def _mapping(key_id: str, value: Value, company: Company) -> bool:
    """Baileys writes a pair in both directions at once (``storeLIDPNMappings``)."""
    if not isinstance(value, str) or not value:
        return False
    user, _, reverse = key_id.partition("_")
    back = Key("lid-mapping", value if reverse else f"{value}_reverse")
    return company.value_of(back) == user


#: Of each type that only times can tell of: whether a value is one that Baileys writes.
SHAPES: dict[str, Callable[[str, Value, Company], bool]] = {
    "lid-mapping": _mapping,
    "device-list": lambda _id, value, _company: contacts.is_device_list(value),
    "sender-key-memory": lambda _id, value, _company: isinstance(value, dict),
    "tctoken": lambda _id, value, _company: bool(
        value if isinstance(value, list) else member(value, "token")
    ),
}


def _written_later(file: File, row: Row, company: Company) -> Finding:
    if row.updated_at is None:
        return Finding(False, "the row does not tell when it changed, or not in which time zone")
    imported_at = company.imported_at or 0.0
    if file.imported and row.updated_at > imported_at:
        # Both times are the database's own: no clock of the host has a say.
        return Finding(True, "the file is what was imported, and the row was written since")
    if file.imported is False:
        return Finding(False, *_NOT_IMPORTED)
    if not file.imported and file.written_at < company.paired_at:
        return Finding(False, "the file's own time is before the pairing, so it tells nothing")
    if not file.imported and row.updated_at > max(file.written_at, imported_at):
        return Finding(True, "the row was written later")
    return Finding(False, "the row was not written later")


_DIFFERENCES: dict[str, Callable[[File, Row, Company], Finding]] = {
    CREDS: _credentials,
    "pre-key": _immutable,
    "app-state-sync-key": _immutable,
    "identity-key": _identity,
    "session": _session,
    "sender-key": _sender_key,
    "app-state-sync-version": lambda file, row, _: compare_versions(file.value, row.value),
    "tctoken": _token,
}
