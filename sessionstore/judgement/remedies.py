"""What would change a decision about a file or a directory, in words. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sessionstore.judgement.activity import Obstacle
from sessionstore.judgement.directory import LIVE, DirectoryDecision
from sessionstore.judgement.file import ARCHIVED, EQUAL, EXPLAINED, NEWER
from sessionstore.judgement.lineage import ABSENT, ANOTHER, FILE_AHEAD
from sessionstore.keys.names import Key
from sessionstore.scan.table import ARTEFACT, CREDS, ONLY_COPY, UNKNOWN


@dataclass(frozen=True)
class FoundFile:
    kind: str  # KEY, CREDS, ARTEFACT, UNKNOWN or ONLY_COPY, as the scan says
    key: Key | None  # what its name stands for, for KEY only
    problem: str | None  # the kind of problem that the scan has with it; None without one
    relation: str | None  # lineage of its company's credentials; None where there are none
    in_database: bool  # whether the database has a row for it
    outcome: str
    way: str = ""  # what its disposition says would change it; "" where its type tells


_SETTLED: Mapping[str, str] = {
    EQUAL: "nothing needs to: the same value is in the database",
    NEWER: "nothing needs to: the database goes on from it",
    EXPLAINED: "nothing needs to: the service itself has no use for it any more",
    ARCHIVED: "nothing needs to: it stays in the archive; what is needed from it, copy out before",
}
_OF_LINEAGE: Mapping[str, str] = {
    ABSENT: "importing the company; or declaring the directory as a backup, with its company"
    " acknowledged and a reason",
    ANOTHER: "finding out which pairing is in use; if it is the database's, declaring the directory"
    " as a backup, with its identity acknowledged and a reason",
    FILE_AHEAD: "finding out who wrote to the files after the database; nothing may be removed"
    " before that",
}
_NO_IMPORT = (
    "credentials of the company in the database that can be read: rows of it are there, so it can't"
    " be imported"
)
_IF_ABSENT: Mapping[str, str] = {
    "pre-key": "the database's nextPreKeyId moving on, with no more pre-keys gone than contacts opened"
    " sessions: the service makes new ones when few are left at WhatsApp; or the row coming back",
    "session": "a session of the contact in the database that goes on from it or began later: the next"
    " message brings one; a device-list without the device; or the row coming back",
    "sender-key-memory": "for a group: the credentials' counters moving on; else the row coming back",
    "tctoken": "its time running out (four weeks), or the row coming back",
}
_IF_DIFFERENT: Mapping[str, str] = {
    "pre-key": "the row becoming equal again: look who wrote it; a pre-key never changes",
    "app-state-sync-key": "the row becoming equal again: look who wrote it; it never changes",
    "identity-key": "a session with the contact's new identity, begun after the file was written",
    "session": "the service using the session: a counter of the row beyond the file's",
    "sender-key": "the service using the key: an iteration of the row beyond the file's",
    "app-state-sync-version": "the service syncing: a version of the row beyond the file's",
    "tctoken": "the service renewing the token: a later time in the row",
}


def of_file(found: FoundFile, in_the_way: Sequence[Obstacle] = ()) -> str:
    """What would change a file's outcome, or let it go: words that follow "what would change it"."""
    ended = _ended(in_the_way)
    if found.outcome in _SETTLED:
        return ended or _SETTLED[found.outcome]
    return "; and ".join(filter(None, [_of_outcome(found), ended]))


def _ended(in_the_way: Sequence[Obstacle]) -> str:
    return "; ".join(one.ended_by for one in in_the_way)


def _of_outcome(found: FoundFile) -> str:
    if found.kind == ONLY_COPY:
        return "a whole original beside it: copy a whole copy over it, or move this one away"
    if found.kind in (UNKNOWN, ARTEFACT):
        return "finding out what wrote it, and moving it out of the directory"
    of_lineage = _OF_LINEAGE.get(found.relation or "")
    if found.relation == ABSENT and found.in_database:
        of_lineage = _NO_IMPORT
    if found.problem is not None:
        mending = f"mending what the scan says of it ({found.problem}), from a copy of the same day"
        return f"{mending}; then {of_lineage}" if of_lineage else mending
    return of_lineage or found.way or _of_key(found)


def _of_key(found: FoundFile) -> str:
    if found.relation is None:
        return "a creds.json that can be read beside it: without one nobody can tell whose it is"
    if found.kind == CREDS or found.key is None:
        return "the service saving its credentials: a counter, or the row's time, beyond the file's"
    if found.in_database:
        return _IF_DIFFERENT.get(found.key.key_type, "the service writing the row again")
    missing = "the row coming back: Baileys never deletes such a key itself"
    return _IF_ABSENT.get(found.key.key_type, missing)


def of_directory(decision: DirectoryDecision, in_the_way: Sequence[Obstacle] = ()) -> str:
    """What would change the decision about a directory: words that follow "what would change it"."""
    if decision.removable:
        return "a file, a row or a process that is not there yet: all is proven again at removal"
    change = "what is named above being mended; a backup or test is then removable once archived"
    if decision.needs_acknowledge:
        change = "an entry in legacy_directories: acknowledge, with a reason; or keeping it"
    elif decision.kind == LIVE:
        change = "each file named above being safe in the database; explain it by its own path"
    if set(decision.reasons) <= {one.reason for one in in_the_way}:
        change = ""
    return "; and ".join(filter(None, [change, _ended(in_the_way)]))
