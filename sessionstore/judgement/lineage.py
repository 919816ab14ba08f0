"""Which of two copies of a company's credentials descends from the other.

Identity is what a pairing is born with and keeps; clocks are counters in the credentials
that only grow (docs/facts.md section 2, "What a mover must respect"). Pure: no I/O.

Baileys 7.0.0-rc14 writes credentials by ``Object.assign(creds, update)`` alone: a name is replaced, none
is ever dropped. Within ``me`` and ``accountSettings`` it replaces the whole object.
"""

from __future__ import annotations

from dataclasses import dataclass

from sessionstore.judgement.evidence import lacking, member
from sessionstore.keys.credentials import _BORN_WITH, Clocks, Credentials, Identity
from sessionstore.keys.ratchets import as_whole
from sessionstore.keys.values import Value

SAME = "same"
DESCENDS = "database descends"
FILE_AHEAD = "file ahead"
ANOTHER = "another identity"
ABSENT = "absent"
#: What a pairing is made with besides its identity, and never changes.
_FIXED = ("pairingEphemeralKeyPair", "account")


@dataclass(frozen=True)
class Verdict:
    relation: str  # one of the constants of this module
    reason: str  # the evidence in words


def compare(files: Credentials, database: Credentials | None) -> Verdict:
    """How the database's credentials relate to the files', which must stay but for SAME and DESCENDS."""
    if database is None:
        return Verdict(ABSENT, "the database has no credentials for this company")
    different = _different(files.identity, database.identity)
    if different:
        return Verdict(ANOTHER, f"another pairing: {', '.join(different)} differ")
    ahead, behind = [], []
    for name in Clocks.__dataclass_fields__:
        mine, theirs = getattr(files.clocks, name), getattr(database.clocks, name)
        if theirs > mine:
            ahead.append(f"{name} {mine} -> {theirs}")
        elif theirs < mine:
            behind.append(f"{name} {mine} in the file, {theirs} in the database")
    if files.clocks.signed_pre_key == database.clocks.signed_pre_key and (
        files.signed_pre_key != database.signed_pre_key
    ):
        # Each side has made its own since they parted: neither descends from the other.
        behind.append(f"signed pre-key {files.clocks.signed_pre_key} is another one in each")
    if behind:
        return Verdict(FILE_AHEAD, "; ".join(behind))
    if ahead:
        return Verdict(DESCENDS, "same identity; " + "; ".join(ahead))
    return Verdict(SAME, "same identity, same clocks")


def _different(one: Identity, other: Identity) -> list[str]:
    names = ["me.id"] if one.account != other.account else []
    pairs = zip(_BORN_WITH, one.fingerprint, other.fingerprint, strict=True)
    return names + [name for name, mine, theirs in pairs if mine != theirs]


def trouble_with(file: Value, database: Value) -> str | None:
    """What speaks against the database's credentials, of the same identity, being later; no value's part."""
    if not isinstance(file, dict) or not isinstance(database, dict):
        return "the credentials are no object"
    if gone := lacking(file, database):
        return f"the database's credentials lack {', '.join(gone)}"
    different = [name for name in _FIXED if file.get(name) and file[name] != database.get(name)]
    if file.get("registered") is True and database.get("registered") is not True:
        different.append("registered")  # a service that reads it would pair anew
    identities = file.get("signalIdentities") or []
    there = database.get("signalIdentities")
    if not _within(identities, there):
        different.append("signalIdentities")
    lids = [member(member(one, "me"), "lid") for one in (file, database)]
    if all(lids) and lids[0] != lids[1]:
        different.append("me.lid")
    if not _whole_pair(member(file, "signedPreKey"), member(database, "signedPreKey")):
        different.append("signedPreKey")
    return f"never changes, but differs: {', '.join(different)}" if different else None


def _within(some: Value, those: Value) -> bool:
    if not isinstance(some, list) or not isinstance(those, list):
        return some == those or not some
    return all(one in those for one in some)


def _whole_pair(mine: Value, theirs: Value) -> bool:
    """One of the same number is the same; a later one has all that the file's has."""
    if not isinstance(mine, dict):
        return True
    if member(theirs, "keyId") == mine.get("keyId"):
        return theirs == mine
    pair, other = member(mine, "keyPair"), member(theirs, "keyPair")
    return as_whole(mine.get("signature"), member(theirs, "signature")) and all(
        as_whole(member(pair, name), member(other, name)) for name in ("public", "private")
    )
